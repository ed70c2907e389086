import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { serveUpstream, type UpstreamServer } from './serve-upstream.ts';

/**
 * A mirror of nothing but metadata: nothing can be built of it. Disposing removes its files too.
 * @param files by path below the mirror's root; a text as it is, anything else as JSON.
 */
export async function startMetadataMirror(files: Readonly<Record<string, unknown>>): Promise<UpstreamServer> {
  const root = await mkdtemp(join(tmpdir(), 'wrtfarm-metadata-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const server = await serveUpstream(root);
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}
