import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Backoff } from '../../shared/backoff.ts';
import { systemClock } from '../../shared/clock.ts';
import type { Image } from '../../shared/domain/profiles-json.ts';
import { FarmError } from '../../shared/errors.ts';
import type { BuildClient } from './build-client.ts';

const TRIES = 3;
/** A plain file name; what a server says must not lead elsewhere. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/;

export interface DownloadedImage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * Fetches an image into a folder, made if need be, and checks its sha256; only a right file gets its name.
 * @throws FarmError `unavailable` when it cannot be had, `failed_precondition` when its bytes are not what was promised.
 */
export async function downloadImage(
  client: BuildClient,
  binDir: string,
  image: Image,
  directory: string,
  signal: AbortSignal,
): Promise<DownloadedImage> {
  if (!FILE_NAME.test(image.name)) {
    throw new FarmError('failed_precondition', `"${image.name}" is not a file name; nothing was saved`);
  }
  await mkdir(directory, { recursive: true });
  const backoff = new Backoff({ minMs: 500, maxMs: 5_000 });
  for (let tries = 1; ; tries += 1) {
    try {
      return await downloadOnce(client, binDir, image, directory, signal);
    } catch (thrown) {
      if (signal.aborted || tries >= TRIES) throw thrown;
      await systemClock.sleep(backoff.nextMs(), signal);
    }
  }
}

async function downloadOnce(
  client: BuildClient,
  binDir: string,
  image: Image,
  directory: string,
  signal: AbortSignal,
): Promise<DownloadedImage> {
  const path = join(directory, image.name);
  const part = `${path}.part`;
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    const response = await client.openFile(binDir, image.name, signal);
    const chunks = async function* (): AsyncIterable<Uint8Array> {
      for await (const chunk of response.body ?? []) {
        hash.update(chunk);
        sizeBytes += chunk.byteLength;
        yield chunk;
      }
    };
    await pipeline(chunks, createWriteStream(part), { signal });
    const sha256 = hash.digest('hex');
    if (sha256 !== image.sha256) {
      throw new FarmError(
        'failed_precondition',
        `${image.name} has sha256 ${sha256}, but ${image.sha256} was promised; it was thrown away`,
      );
    }
    await rename(part, path);
    return { path, sizeBytes, sha256 };
  } finally {
    await rm(part, { force: true });
  }
}
