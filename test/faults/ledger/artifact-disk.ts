import { execFile } from 'node:child_process';
import { mkdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The file system of the artifact store. Disposing unmounts it. */
export interface ArtifactDisk extends AsyncDisposable {
  readonly folder: string;
  /** Why it cannot be filled, where it cannot. */
  readonly cannotFill: string | undefined;
  /** Not a byte more fits, until `free`. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** A tmpfs of its own where this user may mount one, else a plain folder. */
export async function openArtifactDisk(folder: string, sizeBytes: number): Promise<ArtifactDisk> {
  await mkdir(folder, { recursive: true });
  const refusal = await run('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${sizeBytes},mode=0755`,
    'ledger',
    folder,
  ]).then(
    () => undefined,
    (thrown: { stderr?: string }) => (thrown.stderr ?? String(thrown)).trim(),
  );
  const resize = async (bytes: number): Promise<void> => {
    await run('mount', ['-o', `remount,size=${bytes}`, folder]);
  };
  return {
    folder,
    cannotFill: refusal && `no file system may be mounted here: ${refusal}`,
    fill: async () => {
      const { blocks, bfree, bsize } = await statfs(folder);
      // What is written between the look and the remount makes the kernel refuse; the next look is right.
      await resize((blocks - bfree) * bsize).catch(() => resize((blocks - bfree) * bsize + 1024 * 1024));
    },
    free: async () => {
      await resize(sizeBytes);
    },
    [Symbol.asyncDispose]: async () => {
      if (refusal === undefined) await run('umount', ['--lazy', folder]);
    },
  };
}
