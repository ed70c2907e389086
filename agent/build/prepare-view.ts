import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import type { WarmBuilder } from '../builders/warm-builder.ts';
import type { View } from '../sandbox/sandbox.ts';
import { keyFiles, repositoriesFile, rewriteRepositories } from './repositories.ts';

/** Where owut looks for the script it sent, as asu names it. */
const DEFAULTS_PATH = 'etc/uci-defaults/99-asu-defaults';

/** Writes what a request changes about its builder into the view: feeds, keys, the first-boot script. */
export async function prepareView(
  view: View,
  builder: WarmBuilder,
  spec: BuildSpec,
  upstream: string,
): Promise<void> {
  const name = repositoriesFile(builder.flavour);
  const own = await readFile(join(builder.directory, name), 'utf8');
  const wanted = rewriteRepositories(own, builder.flavour, upstream, spec);
  if (wanted !== own) await view.write('builder', name, wanted);
  for (const [path, text] of keyFiles(spec.repositoryKeys)) await view.write('builder', path, text);
  if (spec.defaults !== null) await view.write('files', DEFAULTS_PATH, spec.defaults);
}
