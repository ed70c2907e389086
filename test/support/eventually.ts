import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `check` until it neither throws nor returns false, and returns what it returned. Throws its last failure after `withinMs`. */
export async function eventually<T>(
  check: () => Promise<T | false> | T | false,
  withinMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      const value = await check();
      if (value !== false) return value;
      throw new Error('the condition did not become true');
    } catch (thrown) {
      if (Date.now() >= deadline) throw thrown;
    }
    await sleep(20);
  }
}
