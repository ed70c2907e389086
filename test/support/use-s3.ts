import { afterEach, beforeEach } from 'vitest';
import type { S3Store } from '../../coordinator/artifacts/s3/s3-store.ts';
import type { RawSettings } from '../../shared/env.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { openTestS3Store } from './open-s3-store.ts';
import { startS3, type TestS3 } from './servers/start-s3.ts';

/** A bucket for each test of this file, and the store of one coordinator in it. */
export interface UsedS3 {
  readonly s3: TestS3;
  readonly store: S3Store;
  /** Where uploads come in on that coordinator's disk. */
  readonly folder: string;
  /** The store of another coordinator, or of one with other settings. */
  another(changes?: RawSettings): Promise<S3Store>;
  /** Closed after the test. */
  readonly opened: Disposers;
}

export function useS3(): UsedS3 {
  let now: UsedS3 | undefined;
  const used = (): UsedS3 => {
    if (!now) throw new Error('the bucket is there only while tests run');
    return now;
  };
  beforeEach(async () => {
    const opened = new Disposers();
    const s3 = opened.use('S3', await startS3());
    const { store, folder } = opened.use('store', await openTestS3Store(s3));
    const another = async (changes: RawSettings = {}): Promise<S3Store> =>
      opened.use('another store', await openTestS3Store(s3, changes)).store;
    now = { s3, store, folder, another, opened };
  });
  afterEach(async () => {
    await now?.opened[Symbol.asyncDispose]();
  });
  return {
    get s3() {
      return used().s3;
    },
    get store() {
      return used().store;
    },
    get folder() {
      return used().folder;
    },
    get opened() {
      return used().opened;
    },
    another: (changes) => used().another(changes),
  };
}
