import { lstat, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { type BuilderSource, builderName } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import type { UsignPublicKey } from '../../shared/usign.ts';
import { type BuilderInfo, parseBuilderInfo } from '../build/builder-info.ts';
import { INSIDE, type Sandbox } from '../sandbox/sandbox.ts';
import type { Downloader } from './downloader.ts';
import { measureTree } from './measure-tree.ts';
import { unpackArchive } from './unpack.ts';
import { verifySource } from './verify-source.ts';
import type { BuilderRecord, Flavour } from './warm-builder.ts';

export interface FetchDeps {
  readonly downloader: Downloader;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
}

export interface FetchConfig {
  /** URL of the OpenWrt mirror. */
  readonly upstream: string;
  /** Keys that may sign besides OpenWrt's own. */
  readonly addedKeys: readonly UsignPublicKey[];
}

export interface FetchOptions {
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes sure that what is fetched fits on the disk. Both throw FarmError `infrastructure` when it does not. */
export interface FetchRoom {
  /** @param archiveBytes what the server announced, if it did. */
  beforeFetch(archiveBytes: number | undefined): Promise<void>;
  /** @param sizeBytes what the tree takes on disk. */
  afterUnpack(sizeBytes: number): Promise<void>;
}

/** Names inside the folder of a builder. */
export const TREE_NAME = 'tree';
export const RECORD_NAME = 'builder.json';

/** Real archives have 40 to 150 MB. */
const MAX_ARCHIVE_BYTES = 2 * 1024 ** 3;
/** `make info` takes a fifth of a second; a sandbox on a busy disk needs longer. Milliseconds. */
const INFO_MS = 2 * 60_000;

/**
 * Fetches a builder into an empty folder: verified, unpacked, warmed by one `make info`, its record beside it.
 * @throws FarmError `infrastructure` with the reason; `cancelled`. The folder then holds an unusable rest.
 */
export async function fetchBuilder(
  source: BuilderSource,
  directory: string,
  deps: FetchDeps,
  config: FetchConfig,
  options: FetchOptions & { readonly room: FetchRoom },
): Promise<BuilderRecord> {
  const name = builderName(source);
  const startedAt = deps.clock.steadyMs();
  const verified = await verifySource(source, { ...config, ...options, downloader: deps.downloader });
  options.onProgress(`${name}: fetching ${verified.url}, signed by key ${verified.signedBy}`);
  const archive = join(directory, verified.name);
  const progress = downloadProgress((text) => options.onProgress(`${name}: ${text}`));
  const { sha256, sizeBytes: archiveBytes } = await deps.downloader.toFile(verified.url, archive, {
    signal: options.signal,
    maxBytes: MAX_ARCHIVE_BYTES,
    onBegin: options.room.beforeFetch,
    onProgress: progress,
  });
  if (sha256 !== source.digest) {
    throw builderFailure(
      `${verified.url} is damaged: its sha256 is ${sha256}, not ${source.digest} as signed`,
    );
  }
  options.onProgress(`${name}: unpacking ${mebibytes(archiveBytes)}`);
  const tree = join(directory, TREE_NAME);
  await unpackArchive(archive, tree, options.signal);
  await rm(archive);
  const flavour = await flavourOf(tree);
  const info = await readInfo(tree, deps.sandbox, options.signal);
  await checkHost(tree, deps.sandbox, options.signal);
  if (info.target !== source.target) {
    throw builderFailure(`${verified.name} is for ${info.target}, not for ${source.target}`);
  }
  const warmedInMs = Math.round(deps.clock.steadyMs() - startedAt);
  const sizeBytes = await measureTree(tree, options.signal);
  await options.room.afterUnpack(sizeBytes);
  const record: BuilderRecord = {
    version: 1,
    source,
    flavour,
    info,
    signedBy: verified.signedBy,
    warmedAt: deps.clock.now(),
    ...{ sizeBytes, warmedInMs, archiveBytes },
  };
  await writeFile(join(directory, RECORD_NAME), JSON.stringify(record));
  options.onProgress(
    `${name}: ready, ${info.revision}, ${Object.keys(info.profiles).length} profiles, ${flavour}`,
  );
  return record;
}

/** A line for each tenth of a download; for each 16 MiB where the server does not tell its size. */
export function downloadProgress(
  onLine: (text: string) => void,
): (receivedBytes: number, totalBytes: number | undefined) => void {
  let said = 0;
  return (receivedBytes, totalBytes) => {
    const step = totalBytes === undefined ? 16 * 1024 ** 2 : totalBytes / 10;
    const steps = step > 0 ? Math.floor(receivedBytes / step) : 0;
    if (steps <= said) return;
    said = steps;
    onLine(
      totalBytes === undefined
        ? `${mebibytes(receivedBytes)} fetched`
        : `${steps * 10} % of ${mebibytes(totalBytes)} fetched`,
    );
  };
}

/** The file that lists the feeds tells the package manager. */
async function flavourOf(tree: string): Promise<Flavour> {
  const isFile = async (name: string): Promise<boolean> =>
    await lstat(join(tree, name)).then(
      (found) => found.isFile(),
      () => false,
    );
  if (await isFile('repositories')) return 'apk';
  if (await isFile('repositories.conf')) return 'opkg';
  throw builderFailure('the archive is no ImageBuilder: it holds neither repositories nor repositories.conf');
}

/** Also makes `.profiles.mk`, which the first make of any goal writes: builds then share a tree nobody changes. */
async function readInfo(tree: string, sandbox: Sandbox, signal: AbortSignal): Promise<BuilderInfo> {
  await using view = await sandbox.openView(tree, { inPlace: true, signal });
  const result = await view.run(['make', 'info'], {
    signal,
    timeoutMs: INFO_MS,
    tailBytes: 8 * 1024 ** 2,
  });
  if (result.end.by === 'abort') throw new FarmError('cancelled', 'make info was cancelled');
  if (result.end.by !== 'exit' || result.end.code !== 0) {
    const words = result.stderr.tail().trim().slice(-500);
    throw builderFailure(`make info failed (${JSON.stringify(result.end)}): ${words}`);
  }
  return parseBuilderInfo(result.stdout.tail());
}

/**
 * Lets the ImageBuilder check this machine once, instead of in every build: it remembers that it did, by absolute links to
 * the tools, and a sandbox has the same ones at the same places. Only what it says is missing counts: a Makefile that
 * names the check otherwise leaves it to the builds.
 */
async function checkHost(tree: string, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  await using view = await sandbox.openView(tree, { inPlace: true, signal });
  for (const target of [
    'staging_dir/host/.prereq-build',
    `${INSIDE.builder}/staging_dir/host/.prereq-build`,
  ]) {
    const result = await view.run(['make', target], { signal, timeoutMs: INFO_MS });
    if (result.end.by === 'abort')
      throw new FarmError('cancelled', 'the check of this machine was cancelled');
    if (result.end.by === 'exit' && result.end.code === 0) return;
    const missing = result.stdout.tail().match(/^Build dependency: .*$/gm);
    if (missing) {
      throw new FarmError(
        'infrastructure',
        `this machine lacks what the ImageBuilder needs: ${missing.join(' ')}`,
        {
          details: { breakage: 'agent' },
        },
      );
    }
  }
}

function builderFailure(reason: string): FarmError {
  return new FarmError('infrastructure', reason, { details: { breakage: 'builder' } });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
