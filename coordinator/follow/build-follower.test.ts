import { expect, test } from 'vitest';
import type { BuildRecord } from '../builds/build-record.ts';
import type { NewsOf } from '../builds/watch.ts';
import { sampleRecord } from '../http/sample-record.test.support.ts';
import { BuildFollower, type BuildNews } from './build-follower.ts';
import { WatchedBuilds } from './watched-builds.ts';

/** A build and its log, as a test says they are. */
class Made {
  record: BuildRecord = { ...sampleRecord(), state: 'running', attempt: 1, stage: 'building_image' };
  readonly chunks: Buffer[] = [];
  looks = 0;
  reads = 0;
  readonly #listeners = new Set<(what: NewsOf) => void>();
  readonly watched = new WatchedBuilds({
    get: async () => {
      this.looks += 1;
      return this.record;
    },
    readLog: async (_id, from) => {
      this.reads += 1;
      return this.chunks.slice(from, from + 8);
    },
    watch: {
      subscribe: (_hash, onNews) => {
        this.#listeners.add(onNews);
        return () => this.#listeners.delete(onNews);
      },
    },
  });
  readonly follower = new BuildFollower({
    watched: this.watched,
    attempts: {
      logEnd: async () => {
        const chunk = this.chunks.length - 1;
        return { chunk, bytes: this.chunks.slice(0, chunk).reduce((sum, { length }) => sum + length, 0) };
      },
    },
    files: { find: async () => undefined },
    patienceMs: 0,
  });

  get listeners(): number {
    return this.#listeners.size;
  }

  write(...texts: readonly string[]): void {
    this.chunks.push(...texts.map((text) => Buffer.from(text)));
    this.tell('log');
  }

  tell(what: NewsOf): void {
    for (const listener of this.#listeners) listener(what);
  }

  follow(signal = new AbortController().signal): AsyncGenerator<BuildNews> {
    return this.follower.follow(this.record.requestHash, { follow: true, signal });
  }
}

/** The next thing that is said of the log. */
async function next(news: AsyncGenerator<BuildNews>): Promise<string> {
  for (;;) {
    const { value } = (await news.next()) as { value: BuildNews | undefined };
    if (value === undefined) return 'nothing more';
    if (value.kind === 'log') return value.bytes.toString();
    if (value.kind === 'gap') return `${value.skippedBytes} bytes left out`;
    if (value.kind !== 'state') return value.kind;
  }
}

const MUCH = 'x'.repeat(64 * 1024);

test('a thousand followers of a build cost one look, and one read for what is new', async () => {
  const made = new Made();
  const all = Array.from({ length: 1_000 }, () => made.follow());
  const first = all.map(next);
  made.write('one');
  expect(new Set(await Promise.all(first))).toEqual(new Set(['one']));
  const { reads } = made;
  const second = all.map(next);
  await Promise.all(all.map(() => Promise.resolve()));
  made.write('two');
  expect(new Set(await Promise.all(second))).toEqual(new Set(['two']));
  // One finds nothing more behind the first chunk, one finds the second.
  expect([made.looks, made.reads - reads <= 2, made.listeners]).toEqual([1, true, 1]);
  await Promise.all(all.map((each) => each.return(undefined)));
  expect([made.listeners, made.watched.size]).toEqual([0, 0]);
});

test('a reader that keeps a live log waiting goes on with what is newest, and is told how much it missed', async () => {
  const made = new Made();
  const news = made.follow();
  const first = next(news);
  made.write('one');
  expect(await first).toBe('one');
  const second = next(news);
  // It has seen everything: now it reads a live log.
  await expect.poll(() => made.reads).toBe(2);
  made.write(...Array(8).fill(MUCH), ...Array(12).fill(MUCH), 'newest');
  expect(await second).toBe(MUCH);
  for (let chunk = 1; chunk < 8; chunk += 1) expect(await next(news)).toBe(MUCH);
  expect(await next(news)).toBe(`${12 * MUCH.length} bytes left out`);
  expect(await next(news)).toBe('newest');
  await news.return(undefined);
});

test('a reader that has much to catch up with misses nothing, however slow it is', async () => {
  const made = new Made();
  made.write(...Array(40).fill(MUCH));
  made.record = { ...made.record, state: 'cancelled', answer: {} };
  const news = made.follow();
  for (let chunk = 0; chunk < 40; chunk += 1) expect(await next(news)).toBe(MUCH);
  expect(await next(news)).toBe('final');
  expect(await next(news)).toBe('nothing more');
});

test('a follower that is told to go ends at once', async () => {
  const made = new Made();
  const gone = new AbortController();
  const ended = next(made.follow(gone.signal));
  await expect.poll(() => made.reads).toBe(1);
  gone.abort();
  expect(await ended).toBe('nothing more');
  expect(made.watched.size).toBe(0);
});

test('the end of a build is told when it is said, without waiting for the next look', async () => {
  const made = new Made();
  const ended = next(made.follow());
  await expect.poll(() => made.reads).toBe(1);
  made.record = { ...made.record, state: 'cancelled', answer: {} };
  made.tell('state');
  expect(await ended).toBe('final');
  expect(made.looks).toBe(2);
});
