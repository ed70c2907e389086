/**
 * How long the NATS client is to wait before it dials again, by a clock that no operator sets. The client itself (nats 2.29,
 * protocol.js, `dialLoop`) waits until the wall clock has passed its last try by this long: set back by an hour, it would be away for
 * an hour. What is below every time makes it dial at once.
 * @param now milliseconds on a steady clock.
 */
export function steadyDelay(waitMs: number, now: () => number = () => performance.now()): () => number {
  let dialledAt = Number.NEGATIVE_INFINITY;
  return () => {
    const leftMs = dialledAt + waitMs - now();
    if (leftMs > 0) return leftMs;
    dialledAt = now();
    return Number.NEGATIVE_INFINITY;
  };
}
