import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A host of its own on this machine: a network namespace with one cable to us. Disposing removes both; what runs inside must
 * have ended.
 */
export interface NetworkHost extends AsyncDisposable {
  /** Our end of the cable, as the host reaches us. */
  readonly ourAddress: string;
  /** The words before a command that is to run there. */
  readonly prefix: readonly [string, ...string[]];
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
}

/** Makes one. @returns why not, as text, where this user may not. */
export async function openNetworkHost(): Promise<NetworkHost | string> {
  const name = `wf${randomInt(0x1_0000).toString(16)}`;
  const [ours, theirs] = [`${name}a`, `${name}b`];
  // Of the block for documentation, which nobody uses; a /30 of its own for each host (RFC 5737).
  const block = randomInt(64) * 4;
  const [ourAddress, theirAddress] = [`198.51.100.${block + 1}`, `198.51.100.${block + 2}`];
  const remove = async (): Promise<void> => {
    await run('ip', ['netns', 'del', name]).catch(() => undefined);
    await run('ip', ['link', 'del', ours]).catch(() => undefined);
  };
  try {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', name]);
    await run('ip', ['address', 'add', `${ourAddress}/30`, 'dev', ours]);
    await run('ip', ['link', 'set', ours, 'up']);
    await run('ip', ['-n', name, 'address', 'add', `${theirAddress}/30`, 'dev', theirs]);
    await run('ip', ['-n', name, 'link', 'set', theirs, 'up']);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  } catch (thrown) {
    await remove();
    const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr) : String(thrown);
    return `no network namespace may be made here: ${said.trim()}`;
  }
  return {
    ourAddress,
    prefix: ['ip', 'netns', 'exec', name],
    unplug: async () => {
      await run('ip', ['link', 'set', ours, 'down']);
    },
    plugIn: async () => {
      await run('ip', ['link', 'set', ours, 'up']);
    },
    [Symbol.asyncDispose]: remove,
  };
}
