import type { S3Fault } from '../../../support/servers/start-s3.ts';
import type { FaultKind } from '../fault-kind.ts';

const FAULTS: readonly S3Fault[] = [503, 500, 'cut', 'silence', { cutAfterBytes: 0 }, { cutAfterBytes: 100 }];

/** The bucket says that it cannot, says nothing, or breaks off: before it did anything, after it did all, or within its answer. */
export const bucketAway: FaultKind = {
  name: 'bucket away',
  targets: 'farm',
  lastsMs: [500, 6_000],
  touches: 'artifacts',
  begin: async ({ bucket }, _target, random) => {
    const fault = FAULTS[Math.floor(random.next() * FAULTS.length)];
    if (bucket) bucket.fault = () => fault;
  },
  end: async ({ bucket }) => {
    if (bucket) bucket.fault = undefined;
  },
};
