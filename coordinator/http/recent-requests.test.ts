import { describe, expect, test } from 'vitest';
import type { ResolvedRequest } from '../builds/build-record.ts';
import { type AskedBody, RecentRequests } from './recent-requests.ts';
import { sampleRecord } from './sample-record.test.support.ts';

function asked(body: string, changes: Partial<AskedBody> = {}): AskedBody {
  return { body: Buffer.from(body), contentType: 'application/json', userAgent: 'x/1', ...changes };
}

function resolved(spec: Partial<ResolvedRequest['spec']> = {}): ResolvedRequest {
  const record = sampleRecord();
  return { spec: { ...record.spec, ...spec }, source: record.source, client: null };
}

function recentAt(time: { now: number }, maxBytes?: number): RecentRequests {
  return new RecentRequests({ now: () => time.now, ...(maxBytes ? { maxBytes } : {}) });
}

/** Told twice, as only what comes again is kept. */
function keep(recent: RecentRequests, body: AskedBody, meaning: ResolvedRequest): void {
  recent.keep(body, meaning);
  recent.keep(body, meaning);
}

describe('recent requests', () => {
  test('mean for a second what they meant, from their second coming on', () => {
    const time = { now: 0 };
    const recent = recentAt(time);
    const meaning = resolved();
    recent.keep(asked('{}'), meaning);
    expect(recent.find(asked('{}'))).toBeUndefined();
    recent.keep(asked('{}'), meaning);
    expect(recent.find(asked('{}'))).toBe(meaning);
    time.now = 999;
    expect(recent.find(asked('{}'))).toBe(meaning);
    time.now = 1_000;
    expect(recent.find(asked('{}'))).toBeUndefined();
  });

  test('are told apart by every byte and by what else they are read by', () => {
    const recent = recentAt({ now: 0 });
    keep(recent, asked('{"a":1}'), resolved());
    expect(recent.find(asked('{"a":2}'))).toBeUndefined();
    expect(recent.find(asked('{"a":1}', { contentType: 'text/plain' }))).toBeUndefined();
    expect(recent.find(asked('{"a":1}', { userAgent: 'auc (0.3.2)' }))).toBeUndefined();
  });

  test('bodies of one sum are not taken for each other', () => {
    // CRC-32 of both is 0x4ddb0c25. Source: the well-known pair plumless and buckeroo.
    const recent = recentAt({ now: 0 });
    keep(recent, asked('plumless'), resolved());
    expect(recent.find(asked('buckeroo'))).toBeUndefined();
    expect(recent.find(asked('plumless'))).toBeDefined();
  });

  test('with a script or a key are not kept', () => {
    const recent = recentAt({ now: 0 });
    keep(recent, asked('a'), resolved({ defaults: 'secret' }));
    keep(recent, asked('b'), resolved({ repositoryKeys: ['key'] }));
    expect([recent.find(asked('a')), recent.find(asked('b'))]).toEqual([undefined, undefined]);
  });

  test('are bounded by the size of their bodies, the oldest go first', () => {
    const recent = recentAt({ now: 0 }, 25);
    for (const body of ['a'.repeat(10), 'b'.repeat(10), 'c'.repeat(10)])
      keep(recent, asked(body), resolved());
    expect(recent.find(asked('a'.repeat(10)))).toBeUndefined();
    expect(recent.find(asked('c'.repeat(10)))).toBeDefined();
  });
});
