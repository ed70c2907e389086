/** Milliseconds of the clock that all processes of a machine share (CLOCK_MONOTONIC); only differences mean something. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
