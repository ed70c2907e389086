import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FarmError } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Method } from './launch.ts';
import { probeMethods } from './probe.ts';
import type { Sandbox } from './sandbox.ts';
import { ownFolder, removeTree, TOOL_ENVIRONMENT } from './tree.ts';
import { openView } from './view.ts';

export interface SandboxConfig {
  /** Folder for views, owned by the sandbox alone: what lies in it from an earlier life is removed. */
  readonly directory: string;
  /** Variables builds get besides PATH, HOME and the locale: those that name proxies. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ways to try, best first. Default: overlay before copy, bubblewrap before unshare. */
  readonly methods?: readonly Method[];
}

export const ALL_METHODS: readonly Method[] = [
  { jail: 'bubblewrap', layering: 'overlay' },
  { jail: 'bubblewrap', layering: 'copy' },
  { jail: 'unshare', layering: 'overlay' },
  { jail: 'unshare', layering: 'copy' },
];

/**
 * Opens the sandbox in the best way that a real trial shows to work on this machine and this disk.
 * @throws FarmError `failed_precondition` when none does, with what each was refused for.
 */
export async function openSandbox(deps: { readonly log: Log }, config: SandboxConfig): Promise<Sandbox> {
  await ownFolder(config.directory);
  for (const name of await readdir(config.directory)) await removeTree(join(config.directory, name));
  const etcDirectory = join(config.directory, 'etc');
  await writeEtc(etcDirectory);
  const base = {
    directory: config.directory,
    etcDirectory,
    isRoot: process.geteuid?.() === 0,
    environment: buildEnvironment(config.environment),
  };
  const found = await probeMethods(base, config.methods ?? ALL_METHODS);
  if (!found) throw new FarmError('failed_precondition', 'no sandbox was tried: no method is allowed');
  if ('refusals' in found) {
    throw new FarmError(
      'failed_precondition',
      `builds cannot be shut in on this machine; install bubblewrap and allow user namespaces: ${found.refusals}`,
    );
  }
  deps.log.info({ directory: config.directory }, `builds run in a sandbox: ${found.description}`);
  return {
    description: found.description,
    openView: async (tree, options) =>
      await openView(
        { ...base, tree, method: found.method, inPlace: options?.inPlace ?? false },
        options?.signal,
      ),
  };
}

/**
 * ImageBuilder lets variables of its environment leak into images, so it gets a fixed few. The locale is the one its own
 * Makefile sets. An owner that is not mapped cannot be given inside; fakeroot then must not try (fakeroot(1)).
 */
function buildEnvironment(proxies: Readonly<Record<string, string>>): Record<string, string> {
  return { ...TOOL_ENVIRONMENT, ...proxies, HOME: '/tmp', FAKEROOTDONTTRYCHOWN: '1' };
}

/** The users builds see: root, which the agent's user is inside, and nobody. */
async function writeEtc(directory: string): Promise<void> {
  await mkdir(directory);
  const files = {
    passwd: 'root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    group: 'root:x:0:\nnogroup:x:65534:\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text);
    await chmod(join(directory, name), 0o644);
  }
}
