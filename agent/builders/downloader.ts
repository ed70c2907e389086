import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Dispatcher, fetch, type Response } from 'undici';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { createDispatcher, type ProxySettings } from '../../shared/proxies.ts';

export interface DownloaderConfig {
  readonly proxies: ProxySettings;
  /** A download that brings no byte for so long has failed, milliseconds. */
  readonly idleTimeoutMs: number;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** More bytes than this are refused. */
  readonly maxBytes: number;
  /** Told before the first piece, and waited for; rejects to refuse it, with the error that is thrown then. */
  readonly onBegin?: (totalBytes: number | undefined) => Promise<void>;
  /** Told after each piece; `totalBytes` is what the server announced, if it did. */
  readonly onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void;
}

/** Fetches over HTTP, through proxies where they are set. Errors are FarmErrors `infrastructure` or `cancelled`. */
export interface Downloader extends AsyncDisposable {
  /** Writes a resource to a file that must not exist yet. A failed download may leave a part of it. */
  toFile(
    url: string,
    path: string,
    options: DownloadOptions,
  ): Promise<{ readonly sha256: string; readonly sizeBytes: number }>;
  /** The bytes of a small resource, or `undefined` when the server says there is none (404). */
  bytes(url: string, options: DownloadOptions): Promise<Buffer | undefined>;
}

/** A downloader with connections of its own. The caller disposes it. */
export function openDownloader(config: DownloaderConfig): Downloader {
  const dispatcher = createDispatcher(config.proxies, config.idleTimeoutMs);
  return {
    toFile: async (url, path, options) =>
      await translated(url, options.signal, async () => {
        const response = await request(url, dispatcher, options);
        if (!response?.ok) throw new Error(`the server answered ${response?.status ?? 404}`);
        const hash = createHash('sha256');
        let sizeBytes = 0;
        const counted = async function* (): AsyncGenerator<Uint8Array> {
          for await (const chunk of limited(response, options)) {
            hash.update(chunk);
            sizeBytes += chunk.length;
            yield chunk;
          }
        };
        await pipeline(counted, createWriteStream(path, { flags: 'wx' }), { signal: options.signal });
        return { sha256: hash.digest('hex'), sizeBytes };
      }),
    bytes: async (url, options) =>
      await translated(url, options.signal, async () => {
        const response = await request(url, dispatcher, options);
        if (!response) return undefined;
        const chunks: Uint8Array[] = [];
        for await (const chunk of limited(response, options)) chunks.push(chunk);
        return Buffer.concat(chunks);
      }),
    [Symbol.asyncDispose]: async () => await dispatcher.destroy(),
  };
}

/** The response, or `undefined` for 404. The bytes are wanted as they lie on the server: they are hashed. */
async function request(
  url: string,
  dispatcher: Dispatcher,
  options: DownloadOptions,
): Promise<Response | undefined> {
  const response = await fetch(url, {
    dispatcher,
    signal: options.signal,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'wrtfarm' },
  });
  if (response.ok) return response;
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw new Error(`the server answered ${response.status}`);
}

async function* limited(response: Response, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? Number.NaN);
  const totalBytes = Number.isFinite(announced) ? announced : undefined;
  let receivedBytes = 0;
  try {
    await options.onBegin?.(totalBytes);
    options.signal.throwIfAborted();
  } catch (thrown) {
    await response.body?.cancel();
    throw thrown;
  }
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    receivedBytes += bytes.length;
    if (receivedBytes > options.maxBytes) throw new Error(`it is larger than ${options.maxBytes} bytes`);
    options.onProgress?.(receivedBytes, totalBytes);
    yield bytes;
  }
}

async function translated<T>(url: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof FarmError) throw cause;
    if (signal.aborted) throw new FarmError('cancelled', `fetching ${url} was cancelled`, { cause });
    throw new FarmError('infrastructure', `could not fetch ${url}: ${reasonOf(cause)}`, {
      cause,
      details: { breakage: hasErrno(cause, ['ENOSPC', 'EDQUOT']) ? 'disk' : 'builder' },
    });
  }
}

/** fetch says `fetch failed` or `terminated` and keeps the reason below. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error ? reasonOf(cause) || messageOf(thrown) : messageOf(thrown);
}

function hasErrno(thrown: unknown, codes: readonly string[]): boolean {
  return thrown instanceof Error && 'code' in thrown && codes.includes(String(thrown.code));
}
