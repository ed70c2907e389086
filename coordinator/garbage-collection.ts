import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from allocating short-lived objects as old ones; to be called before requests come.
 *
 * V8 learns early in a process' life where objects outlive a collection, and makes those at once among the old from then on. Under a
 * burst of requests it learns so of parts of a request that live for a millisecond: dead among the old, each keeps its request from
 * being collected until all of memory is, and the process serves two thirds of what it could, for its whole life. About every
 * second process was hit (`npm run bench:http`).
 */
export function letRequestsDieYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
