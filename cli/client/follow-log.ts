import { Backoff } from '../../shared/backoff.ts';
import { systemClock } from '../../shared/clock.ts';
import type { BuildClient } from './build-client.ts';

/** How often in a row a broken log stream is opened again without anything new. */
const MAX_BREAKS = 10;

/**
 * Reads a build's live log line by line until it ends. A stream that breaks is opened again; what was read already is
 * passed over.
 * @returns false where the server has no log (yet), or it cannot be had; never rejects.
 */
export async function followLog(
  client: BuildClient,
  hash: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const decoder = new TextDecoder();
  const backoff = new Backoff({ minMs: 100, maxMs: 2_000 });
  let readBytes = 0;
  let rest = '';
  for (let breaks = 0; breaks < MAX_BREAKS && !signal.aborted; breaks += 1) {
    try {
      const stream = await client.openLog(hash, signal);
      if (!stream) return readBytes > 0;
      let skipBytes = readBytes;
      for await (const chunk of stream) {
        const fresh = chunk.subarray(Math.min(skipBytes, chunk.byteLength));
        skipBytes -= chunk.byteLength - fresh.byteLength;
        if (fresh.byteLength === 0) continue;
        readBytes += fresh.byteLength;
        breaks = 0;
        const lines = (rest + decoder.decode(fresh, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line.trimEnd());
      }
      if (rest !== '') onLine(rest);
      return true;
    } catch {
      await systemClock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }
  return false;
}
