import { type JetStreamManager, NatsError } from 'nats';
import { beforeEach, expect, test } from 'vitest';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import type { JetStream } from './jetstream.ts';
import { JobQueue } from './job-queue.ts';
import { SecondCopies } from './second-copies.ts';

/*
 * What nats-server 2.9.10 did after it was killed, and again after each start on that store: it counted a message, gave it by its
 * sequence and when it went through the stream, and neither found nor purged it by its subject. The store itself is 100 KB.
 */

const HASH = 'a'.repeat(64);
const GENERATION = 'b'.repeat(32);
const SEQUENCE = 53;
const NOT_FOUND = Object.assign(new NatsError('no message found', '404'), {
  api_error: { code: 404, err_code: 10037, description: 'no message found' },
});

let stored: { readonly subject: string; readonly json: object } | undefined;
const jetstream = {
  ask: async (_what: string, work: (manager: JetStreamManager) => Promise<unknown>) =>
    await work({ streams } as unknown as JetStreamManager),
} as JetStream;
const streams = {
  purge: async () => ({ success: true, purged: 0 }),
  getMessage: async (_stream: string, query: { readonly seq?: number; readonly next_by_subj?: string }) => {
    if (!stored || query.next_by_subj !== stored.subject || (query.seq ?? 0) > SEQUENCE) throw NOT_FOUND;
    return { seq: SEQUENCE, subject: stored.subject, string: () => JSON.stringify(stored?.json) };
  },
  deleteMessage: async (_stream: string, sequence: number) => {
    if (sequence !== SEQUENCE) throw NOT_FOUND;
    stored = undefined;
    return true;
  },
};

beforeEach(() => {
  stored = undefined;
});

test('a job that purging its subject leaves behind is deleted by its sequence', async () => {
  const queue = new JobQueue(jetstream);
  const subject = 'jobs.open.openwrt=25_12_0=ath79=generic';
  stored = { subject, json: { requestHash: HASH, generation: GENERATION } };
  expect(await queue.purgeJobs(subject)).toBe(1);
  expect(stored).toBeUndefined();
  expect(await queue.purgeJobs(subject)).toBe(0);
});

test('a second copy that is not found by its subject is found all the same, and removed', async () => {
  const copies = new SecondCopies(jetstream);
  const { distro, version, target } = plainSpec();
  const build = {
    ...{
      requestHash: HASH,
      generation: GENERATION,
      lane: 'open',
      spec: plainSpec(),
      client: null,
      acceptedAt: 1,
    },
    source: { distro, version, target, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) },
    owner: { priority: 'bulk', client: 'key:nightly', weight: 3 },
  };
  stored = { subject: `accepted.${HASH}`, json: build };
  expect(await copies.of(HASH)).toEqual(build);
  await copies.remove(HASH, GENERATION);
  expect(await copies.of(HASH)).toBeUndefined();
});
