import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import type { BuildRecord } from './build-record.ts';
import { FinalBuilds } from './final-builds.ts';

function build(changes: Partial<BuildRecord> = {}): BuildRecord {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
  return {
    requestHash: 'a'.repeat(64),
    generation: '1'.repeat(32),
    state: 'done',
    lane: 'open',
    source: { ...builder, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) },
    spec: plainSpec(builder),
    client: null,
    acceptedAt: 1,
    attempt: 1,
    stage: null,
    position: null,
    score: null,
    etaMs: null,
    isCacheable: true,
    answer: { detail: 'done' },
    ...changes,
  };
}

const yes = async (): Promise<boolean> => true;

describe('final builds in memory', () => {
  let now: number;
  let clock: Clock;
  let finals: FinalBuilds;
  const hash = build().requestHash;

  beforeEach(() => {
    now = 1_000_000;
    clock = { now: () => Number.NaN, steadyMs: () => now, sleep: async () => undefined };
    finals = new FinalBuilds(clock, { trustMs: 250, maxBytes: 100_000 });
  });

  test('are the same object for a moment, counted from when they were asked for', () => {
    const record = build();
    finals.hold(record, now - 100);
    expect(finals.lately(hash, yes)).toBe(record);
    now += 149;
    expect(finals.lately(hash, yes)).toBe(record);
    now += 1;
    expect(finals.lately(hash, yes)).toBeUndefined();
  });

  test('are trusted anew once they are confirmed, with one question for all who ask', async () => {
    const record = build();
    finals.hold(record, now);
    now += 1_000;
    let asked = 0;
    const isStill = async (): Promise<boolean> => {
      asked += 1;
      return true;
    };
    const got = await Promise.all(Array.from({ length: 10 }, () => finals.confirmed(hash, isStill)));
    expect(new Set(got)).toEqual(new Set([record]));
    expect(asked).toBe(1);
    expect(finals.lately(hash, yes)).toBe(record);
  });

  test('are confirmed ahead of time while they are wanted, and nobody waits for it', async () => {
    const record = build();
    finals.hold(record, now);
    let asked = 0;
    let answer = (_is: boolean): void => undefined;
    const isStill = (): Promise<boolean> => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    now += 124;
    finals.lately(hash, isStill);
    expect(asked).toBe(0);
    now += 1;
    expect([finals.lately(hash, isStill), finals.lately(hash, isStill), asked]).toEqual([record, record, 1]);
    answer(true);
    await finals.confirmed(hash, isStill);
    now += 249;
    expect(finals.lately(hash, yes)).toBe(record);
  });

  test('that are gone are given no longer once that is known, and a question that fails is asked again', async () => {
    finals.hold(build(), now);
    now += 200;
    const fails = async (): Promise<boolean> => Promise.reject(new Error('Redis is away'));
    expect(finals.lately(hash, fails)).toBeDefined();
    await expect(finals.confirmed(hash, fails)).rejects.toThrow('Redis is away');
    expect(finals.lately(hash, async () => false)).toBeDefined();
    await finals.confirmed(hash, async () => false);
    expect(finals.lately(hash, yes)).toBeUndefined();
  });

  test('are forgotten when they are gone', async () => {
    finals.hold(build(), now);
    now += 1_000;
    expect(await finals.confirmed(hash, async () => false)).toBeUndefined();
    expect(await finals.confirmed(hash, async () => true)).toBeUndefined();
  });

  test('are not brought back by an answer that comes after they were forgotten', async () => {
    finals.hold(build(), now);
    now += 1_000;
    let answer = (_is: boolean): void => undefined;
    const confirming = finals.confirmed(
      hash,
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    finals.forget(hash);
    answer(true);
    await confirming;
    expect(finals.lately(hash, yes)).toBeUndefined();
  });

  test('do not include builds that may still change', () => {
    finals.hold(build({ state: 'running', answer: null }), now);
    expect(finals.lately(hash, yes)).toBeUndefined();
  });

  test('are bounded: the least recently held go first, and a huge one is not held at all', () => {
    const answer = { text: 'x'.repeat(5_000) };
    const hashes = Array.from({ length: 30 }, (_, at) => String(at).padStart(64, '0'));
    for (const requestHash of hashes) finals.hold(build({ requestHash, answer }), now);
    const held = hashes.filter((each) => finals.lately(each, yes));
    expect(held.length).toBeGreaterThan(10);
    expect(held).toEqual(hashes.slice(-held.length));
    finals.hold(build({ answer: { text: 'x'.repeat(10_000) } }), now);
    expect(finals.lately(hash, yes)).toBeUndefined();
  });
});
