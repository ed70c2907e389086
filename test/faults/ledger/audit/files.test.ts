import { cp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DirectoryStore } from '../../../../coordinator/artifacts/directory-store.ts';
import type { BuildJson } from '../../../../coordinator/artifacts/sealed-build.ts';
import { sha256Hex } from '../../../../shared/digest.ts';
import { binDir } from '../../../../shared/domain/build.ts';
import { useFarm } from '../../../support/use-farm.ts';
import { build, X86 } from '../../../support/wire-builds.ts';
import { FolderResults } from '../results/folder-results.ts';
import { auditFiles, type ServedStore } from './files.ts';

/* The audit is worth something only if it finds what it looks for. */

const used = useFarm({
  upstream: { versions: [X86.version], targets: [X86.target], imageBuilder: 'light' },
});
let store: ServedStore;
let folder: string;
let untouched: string;

beforeAll(async () => {
  for (const name of ['vim', 'nano']) await build(used.wire, { ...X86, packages: [name] });
  folder = used.farm.artifacts;
  store = { results: new FolderResults(folder), urls: [used.farm.url] };
  untouched = `${used.farm.artifacts}.untouched`;
  await cp(used.farm.artifacts, untouched, { recursive: true });
});

beforeEach(async () => {
  expect(await auditFiles(store)).toMatchObject({ problems: [], looked: 10 });
});

afterEach(async () => {
  await rm(folder, { recursive: true });
  await cp(untouched, folder, { recursive: true });
});

async function results(): Promise<readonly [BuildJson, BuildJson]> {
  const found = await new DirectoryStore(folder).kept();
  const [one, other] = await Promise.all(
    found.map(async ({ requestHash }) => await new DirectoryStore(folder).newest(requestHash)),
  );
  if (!one || !other) throw new Error('there are no two results');
  return [one, other];
}

function pathOf(json: BuildJson, name: string): string {
  const served = binDir(json.requestHash, json.generation);
  return join(folder, 'builds', served.slice(0, 2), served, name);
}

function sha256OfImage(json: BuildJson): string {
  return json.artifacts.find(({ name }) => name.endsWith('.bin'))?.sha256 ?? '';
}

/** Files are kept by their sha256. */
function imagePath(json: BuildJson): string {
  return pathOf(json, `files/${sha256OfImage(json)}`);
}

/** Other bytes under a name: the blob, which others may share, stays. */
async function replace(path: string, bytes: Uint8Array | string): Promise<void> {
  await unlink(path);
  await writeFile(path, bytes);
}

test('a file with other bytes than build.json says is found', async () => {
  const [one] = await results();
  const path = imagePath(one);
  const bytes = await readFile(path);
  bytes.write('x', bytes.length - 1);
  await replace(path, bytes);
  const { problems } = await auditFiles(store);
  expect(problems).toEqual([expect.stringContaining('other bytes than build.json says')]);
});

test('a file that is not served is found', async () => {
  const [one] = await results();
  await unlink(imagePath(one));
  expect((await auditFiles(store)).problems).toEqual([expect.stringContaining('served with 404')]);
});

test('an image of another attempt is found, though its sha256 is right', async () => {
  const [one, other] = await results();
  const bytes = await readFile(imagePath(other));
  const artifacts = one.artifacts.map((each) =>
    each.sha256 === sha256OfImage(one) ? { ...each, sha256: sha256Hex(bytes) } : each,
  );
  await replace(pathOf(one, 'build.json'), JSON.stringify({ ...one, artifacts }));
  await writeFile(imagePath({ ...one, artifacts }), bytes);
  expect((await auditFiles(store)).problems).toEqual([expect.stringContaining('a mix of attempts')]);
});
