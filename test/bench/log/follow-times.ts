import { nowMs } from '../dispatch/now-ms.ts';

/** Begins the lines that are timed. */
const MARK = 'written at ';

/** A line that says when it was written. */
export function timedLine(): string {
  return `${MARK}${nowMs().toFixed(3)} installing package base-files (1594~d62d5ef) to root...\n`;
}

/** Reads one log as it comes, in either form, until aborted. @param onLine told how long each timed line took, milliseconds. */
export async function timeLines(
  url: string,
  signal: AbortSignal,
  onLine: (tookMs: number) => void,
): Promise<void> {
  const response = await fetch(url, { signal });
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of response.body ?? []) {
      const now = nowMs();
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const at = line.indexOf(MARK);
        if (at >= 0) onLine(now - Number.parseFloat(line.slice(at + MARK.length)));
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
