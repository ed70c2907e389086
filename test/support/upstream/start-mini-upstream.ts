import { join } from 'node:path';
import { serveUpstream, type UpstreamServer } from './serve-upstream.ts';
import { type WriteUpstreamOptions, writeUpstream } from './write-upstream.ts';

/** The miniature upstream, written and served. */
export interface MiniUpstream extends UpstreamServer {
  /** Text of the usign public key that agents must trust. */
  readonly publicKeyFile: string;
  /** The file that holds it. */
  readonly publicKeyPath: string;
  /** Folder of the tree it serves. */
  readonly root: string;
}

export interface MiniUpstreamOptions extends WriteUpstreamOptions {
  /** Folder for the tree and its key; made when missing. The same folder keeps both. */
  readonly directory: string;
  /** Default 0: a free one. */
  readonly port?: number;
}

/** Writes the miniature into a folder, unless it is there, and serves it on 127.0.0.1 until disposed. */
export async function startMiniUpstream(options: MiniUpstreamOptions): Promise<MiniUpstream> {
  const { root, publicKeyFile, publicKeyPath } = await writeUpstream(
    join(options.directory, 'tree'),
    options,
  );
  const server = await serveUpstream(root, options.port === undefined ? {} : { port: options.port });
  return { ...server, publicKeyFile, publicKeyPath, root };
}
