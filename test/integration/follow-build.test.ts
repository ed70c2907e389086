import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FinalAnswer } from '../../cli/client/build-answer.ts';
import { BuildClient } from '../../cli/client/build-client.ts';
import type { BuildEvent } from '../../cli/client/build-event.ts';
import { followBuild } from '../../cli/client/follow-build.ts';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import { grantTo } from '../support/grant.ts';
import { hideRoute } from '../support/hide-route.ts';
import { type SlowProxy, startSlowProxy } from '../support/slow-proxy.ts';
import { useFarm } from '../support/use-farm.ts';
import { WireAgent } from '../support/wire-agent.ts';
import { ARCHER } from '../support/wire-builds.ts';
import { WrittenAttempt } from '../support/written-attempt.ts';

/* `wrtfarm build` follows a build over a line that can be cut, and that leads to either coordinator. */

const used = useFarm({ agents: 0, coordinators: 2 });
const agents: WireAgent[] = [];
let folder: string;
let line: SlowProxy;
let end: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrtfarm-follow-'));
  end = 0;
  line = await startSlowProxy({ target: () => new URL(used.farm.coordinators[end]?.httpUrl ?? '').host });
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  await line[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A build that nobody asked for before, followed as the command line does. */
class Followed {
  readonly events: BuildEvent[] = [];
  readonly answer: Promise<FinalAnswer>;

  constructor(name: string, server = `http://127.0.0.1:${line.port}`) {
    const request = { ...ARCHER, packages: [name] };
    const onEvent = (event: BuildEvent): void => {
      this.events.push(event);
    };
    this.answer = followBuild(new BuildClient(server), request, onEvent, new AbortController().signal);
    this.answer.catch(() => undefined);
  }

  get lines(): readonly string[] {
    return this.events.flatMap((event) => (event.event === 'log' ? [event.line] : []));
  }

  /** Resolves when that is the last line told. */
  async hasRead(text: string): Promise<void> {
    await expect.poll(() => this.lines.at(-1)).toBe(text);
  }

  /** Resolves when such an event was told. */
  async hasTold(wanted: Partial<BuildEvent>): Promise<void> {
    await expect.poll(() => this.events).toContainEqual(expect.objectContaining(wanted));
  }
}

async function granted(warm?: BuilderSource): Promise<WrittenAttempt> {
  const agent = await WireAgent.start(used.farm.nats.url, `agent-${randomBytes(4).toString('hex')}`);
  agents.push(agent);
  const addresses = used.farm.coordinators.map(({ grpcAddress }) => grpcAddress);
  return await WrittenAttempt.open(await grantTo(agent, warm), folder, addresses);
}

const NO_IMAGE = {
  kind: 'failed',
  what: 'build',
  status: 500,
  reason: expect.stringContaining('it cannot be'),
};

test('a build is followed over a lost attempt to its end, the log of each told once and apart', async () => {
  const build = new Followed('vim');
  await build.hasTold({ event: 'queued', position: 0 });
  let source: BuilderSource;
  {
    await using lost = await granted();
    source = lost.grant.source;
    lost.reach('building_image');
    await build.hasTold({ event: 'stage', stage: 'building_image' });
    lost.write('first try\n\nits last words\n');
    await lost.handBack();
  }
  await build.hasTold({ event: 'queued', lostAttempt: 1 });
  await using attempt = await granted(source);
  attempt.write('second → try\nand no more');
  await attempt.fail('it cannot be');
  expect(await build.answer).toEqual(expect.objectContaining(NO_IMAGE));
  const ofTheLog = build.events.filter(({ event }) => ['log', 'lost', 'gap', 'away'].includes(event));
  expect(ofTheLog).toEqual([
    { event: 'log', line: 'first try' },
    { event: 'log', line: '' },
    { event: 'log', line: 'its last words' },
    { event: 'lost', attempt: 1 },
    { event: 'log', line: 'second → try' },
    { event: 'log', line: 'and no more' },
  ]);
});

test('who is cut off goes on at another coordinator with the next line, and tells anew where the build is', async () => {
  const build = new Followed('htop');
  await using attempt = await granted();
  attempt.reach('building_image');
  await build.hasTold({ event: 'stage', stage: 'building_image' });
  attempt.write('one\ntwo\nthr');
  await build.hasRead('two');
  line.cut();
  await build.hasTold({ event: 'away' });
  attempt.write('ee\nfour\n');
  end = 1;
  line.heal();
  await build.hasRead('four');
  await attempt.fail('it cannot be');
  expect(await build.answer).toEqual(expect.objectContaining(NO_IMAGE));
  expect(build.lines).toEqual(['one', 'two', 'three', 'four']);
  const told = build.events.map(({ event }) => event);
  expect(told.slice(told.lastIndexOf('away') + 1, told.lastIndexOf('away') + 2)).toEqual(['stage']);
});

test('the rest of the log is read of a build that ended while nobody could be asked', async () => {
  const build = new Followed('nano');
  await using attempt = await granted();
  attempt.write('one\n');
  await build.hasRead('one');
  line.cut();
  await build.hasTold({ event: 'away' });
  attempt.write('two\n');
  await attempt.fail('it cannot be');
  line.heal();
  expect(await build.answer).toEqual(expect.objectContaining(NO_IMAGE));
  expect(build.lines).toEqual(['one', 'two']);
});

test.each([
  [404, 'tmux'],
  [406, 'curl'],
])('a server that answers events with %i is polled, its log read as text', async (status, name) => {
  await using server = await hideRoute(used.farm.url, /\/events$/, status);
  const build = new Followed(name, server.url);
  await using attempt = await granted();
  attempt.write('--- building ---\none\n');
  await build.hasRead('one');
  attempt.write('two\n');
  await attempt.fail('it cannot be');
  expect(await build.answer).toEqual(expect.objectContaining(NO_IMAGE));
  expect(build.lines).toEqual(['--- building ---', 'one', 'two']);
  // It is not asked again.
  expect(server.denied).toHaveLength(1);
});

test('where too many follow already the build is polled, and events are asked for again', async () => {
  await using server = await hideRoute(used.farm.url, /\/events$/, 429);
  const build = new Followed('knob-random', server.url);
  await using attempt = await granted();
  attempt.reach('building_image');
  await expect.poll(() => server.denied.length).toBeGreaterThan(1);
  await attempt.fail('it cannot be');
  expect(await build.answer).toEqual(expect.objectContaining(NO_IMAGE));
  expect(build.events.map(({ event }) => event)).not.toContain('away');
});
