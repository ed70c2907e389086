import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { sha256Hex } from '../../shared/digest.ts';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import { createUsignKeyPair, parseUsignPublicKey, type UsignPublicKey } from '../../shared/usign.ts';
import { type SmallBuilderOptions, writeSmallTree } from '../build/small-builder.test.support.ts';

/** Answers a request in place of the files; `false` leaves it to them. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** An HTTP server that offers small builders as upstream offers real ones. */
export interface SmallUpstream extends AsyncDisposable {
  readonly url: string;
  readonly key: UsignPublicKey;
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** Files by path; tests may change them. */
  readonly files: Map<string, Buffer>;
  handler: Handler;
  /** Packs a small builder, lists and signs it. */
  publish(options?: PublishOptions): BuilderSource;
}

export interface PublishOptions extends SmallBuilderOptions {
  readonly extension?: 'tar.zst' | 'tar.xz';
  /** Default 25.12.5. */
  readonly version?: string;
  /** Makes the archive another one. */
  readonly salt?: string;
  /** Packs something else: arguments of tar after `--create --file`. */
  readonly tarArguments?: readonly string[];
}

const VERSION = '25.12.5';
const folderOf = (version: string): string => `/releases/${version}/targets/ath79/generic`;
const topOf = (version: string): string => `openwrt-imagebuilder-${version}-ath79-generic.Linux-x86_64`;

/** @param scratch a folder for trees and archives. */
export async function startSmallUpstream(scratch: string): Promise<SmallUpstream> {
  const pair = createUsignKeyPair('small upstream');
  const files = new Map<string, Buffer>();
  const requests: string[] = [];
  const upstream = { handler: (): boolean => false } as { handler: Handler };
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (upstream.handler(request, response)) return;
    const file = files.get(request.url ?? '');
    if (file) response.end(file);
    else response.writeHead(404).end('not here');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  let packed = 0;
  return Object.assign(upstream, {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    key: parseUsignPublicKey(pair.publicKeyFile),
    requests,
    files,
    publish: (options: PublishOptions = {}) => {
      packed += 1;
      const { version = VERSION } = options;
      const archive = pack(join(scratch, `pack-${packed}`), topOf(version), options);
      const folder = folderOf(version);
      const name = `${topOf(version)}.${options.extension ?? 'tar.zst'}`;
      const digest = sha256Hex(archive);
      const sums = Buffer.from(`${'0'.repeat(64)} *config.buildinfo\n${digest} *${name}\n`);
      files.set(`${folder}/${name}`, archive);
      files.set(`${folder}/sha256sums`, sums);
      files.set(`${folder}/sha256sums.sig`, Buffer.from(pair.sign(sums)));
      return {
        distro: 'openwrt',
        version,
        target: 'ath79/generic',
        versionPath: `releases/${version}`,
        digest,
      };
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Path of the archive on the server. */
export function archivePath(extension = 'tar.zst', version = VERSION): string {
  return `${folderOf(version)}/${topOf(version)}.${extension}`;
}

/** Path of the list of files; its signature has `.sig` behind. */
export const SUMS_PATH = `${folderOf(VERSION)}/sha256sums`;

function pack(directory: string, top: string, options: PublishOptions): Buffer {
  const tree = join(directory, top);
  mkdirSync(directory, { recursive: true });
  writeSmallTree(tree, options);
  writeFileSync(join(tree, 'salt'), options.salt ?? '');
  execFileSync('touch', ['-d', '2020-01-01T00:00:00Z', join(tree, 'Makefile')]);
  const extension = options.extension ?? 'tar.zst';
  const archive = join(directory, `archive.${extension}`);
  const compress = extension === 'tar.xz' ? 'xz' : 'zstd';
  const what = options.tarArguments ?? ['-C', directory, top];
  execFileSync('tar', ['--create', `--use-compress-program=${compress}`, '--file', archive, ...what]);
  return readFileSync(archive);
}
