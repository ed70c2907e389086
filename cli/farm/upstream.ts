import { join } from 'node:path';
import { startMiniUpstream } from '../../test/support/upstream/start-mini-upstream.ts';
import type { UpstreamChoice } from './programs.ts';
import type { FarmFolder } from './servers.ts';

/** The word that stands for the miniature instead of a URL. */
export const MINI = 'mini';
export const REAL_UPSTREAM = 'https://downloads.openwrt.org';

/** The miniature's builders are so small that a nearly full disk still holds them. */
const MINI_DISK_RESERVE = '64M';

/** An upstream to use, and what must be closed after. */
export interface OpenUpstream extends UpstreamChoice, AsyncDisposable {}

/**
 * The upstream a person chose: a URL, or `mini` for the miniature, which is started with its tree in the data folder and
 * stands on the same port there each time when it can.
 */
export async function openUpstream(
  choice: string,
  keys: readonly string[],
  folder: Pick<FarmFolder, 'directory' | 'ports'>,
): Promise<OpenUpstream> {
  if (choice !== MINI) return { url: choice, keys, [Symbol.asyncDispose]: async () => undefined };
  const port = await folder.ports.take('upstream');
  const mini = await startMiniUpstream({ directory: join(folder.directory, 'upstream'), port });
  return {
    url: mini.url,
    keys: [...keys, mini.publicKeyPath],
    diskReserve: MINI_DISK_RESERVE,
    [Symbol.asyncDispose]: async () => {
      await mini[Symbol.asyncDispose]();
    },
  };
}
