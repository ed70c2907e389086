import type { Msg, PublishOptions, Subscription, SubscriptionOptions } from 'nats';
import { expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { silentLog } from '../../shared/log.ts';
import type { Pull, PullAnswer } from '../../shared/messages/pull.ts';
import type { IntakeView } from './intake.ts';
import { type AgentDuties, PullLoop, type PullLoopDependencies } from './pull-loop.ts';

const source = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: 'd'.repeat(64),
};
const evictable = [{ builder: 'openwrt=24_10_4=ath79=generic', digest: 'e'.repeat(64) }];

/** A loop whose pulls are answered by `answer`; one it answers `undefined` stays parked. */
function loopOf(
  answer: (pull: Pull) => (Partial<PullAnswer> & { readonly answersPull?: number }) | undefined,
  parts: Partial<PullLoopDependencies> = {},
): PullLoop {
  let receive: SubscriptionOptions['callback'];
  const connection: PullLoopDependencies['connection'] = {
    subscribe: (_subject, options) => {
      receive = options?.callback;
      return { unsubscribe: () => undefined } as Subscription;
    },
    publish: (_subject, payload, options?: PublishOptions) => {
      const told = answer(JSON.parse(String(payload)));
      if (!told) return;
      const { answersPull, ...answered } = told;
      const all = { version: 1, cancel: [], drain: false, nextPullMs: 0, coordinators: [], ...answered };
      const subject = (options?.reply ?? '').replace(/\d+$/, (newest) => String(answersPull ?? newest));
      receive?.(null, { subject, string: () => JSON.stringify(all) } as Msg);
    },
    flush: async () => undefined,
  };
  const idle: IntakeView = { host: { loadPerCore: 0, diskFreeBytes: 1 }, decision: { takesWork: true } };
  return new PullLoop(
    {
      connection,
      facts: {
        attempts: () => [],
        warm: () => [],
        warming: () => [],
        takeWarmFailures: () => [],
        diskBudgetBytes: () => undefined,
        isDraining: () => false,
      },
      intake: { look: async () => idle },
      duties: dutiesOf(() => undefined),
      clock: systemClock,
      log: silentLog,
      ...parts,
    },
    { agentId: 'attic', slots: 2, software: '0.2.0', arch: 'x64' },
  );
}

function dutiesOf(warm: AgentDuties['warm'], shrink: AgentDuties['shrink'] = () => undefined): AgentDuties {
  return { start: () => undefined, cancel: () => undefined, useCoordinators: () => undefined, warm, shrink };
}

test('a list of what may be removed with nothing to make warm is an order to make room', async () => {
  const stop = new AbortController();
  const removed: unknown[] = [];
  const duties = dutiesOf(
    () => removed.push('not to be asked'),
    (order) => removed.push(order),
  );
  const loop = loopOf(
    ({ sequence }) => {
      if (sequence === 1) return { evictable };
      stop.abort();
      return undefined;
    },
    { duties },
  );
  await loop.run(stop.signal);
  expect(removed).toEqual([evictable]);
});

test('an order to make a builder warm comes with what may be removed; without a list nothing may', async () => {
  const stop = new AbortController();
  const orders: unknown[] = [];
  const duties = dutiesOf((...order) => orders.push(order));
  const loop = loopOf(
    ({ sequence }) => {
      if (sequence === 1) return { warm: source, evictable };
      if (sequence === 2) return { warm: source };
      stop.abort();
      return undefined;
    },
    { duties },
  );
  await loop.run(stop.signal);
  expect(orders).toEqual([
    [source, evictable],
    [source, []],
  ]);
});

test('each pull looks at the machine anew, and a change of it pulls at once', async () => {
  const stop = new AbortController();
  const slots: number[] = [];
  let isFull = false;
  const look = async (): Promise<IntakeView> => ({
    host: { loadPerCore: 0, diskFreeBytes: isFull ? 0 : 1 },
    decision: isFull ? { takesWork: false, reason: 'disk_full', text: 'full' } : { takesWork: true },
  });
  const loop = loopOf(
    (pull) => {
      slots.push(pull.slots);
      isFull = true;
      if (slots.length === 2) stop.abort();
      else loop.changed();
      return undefined;
    },
    { intake: { look } },
  );
  await loop.run(stop.signal);
  expect(slots).toEqual([2, 0]);
});

test('whoever lends the machine is told once when the operator drains it, and once when it may work again', async () => {
  const stop = new AbortController();
  const told: string[] = [];
  const answers = [
    ...[{ drain: false }, { drain: true }, { drain: true }],
    // Of a coordinator that could not look.
    { drain: false, nextPullMs: 1 },
    ...[{ drain: true }, { drain: false }, { drain: false }],
  ];
  const loop = loopOf(
    ({ sequence }) => {
      if (sequence > answers.length) stop.abort();
      return answers[sequence - 1];
    },
    { log: { ...silentLog, info: (_facts, message) => told.push(message) } },
  );
  await loop.run(stop.signal);
  expect(told).toEqual([
    'the operator drains this agent: it finishes what it has and takes no new work',
    'the operator lets this agent take work again',
  ]);
});

test('an answer to an older pull ends no wait, unless it calls the agent: its newest pull is lost then', async () => {
  const stop = new AbortController();
  const pulled: number[] = [];
  const loop = loopOf(({ sequence }) => {
    pulled.push(sequence);
    if (sequence === 1) return {};
    if (sequence === 2) return { answersPull: 1, again: true };
    // What does not call leaves the third pull waiting; the stop wakes it.
    setImmediate(() => stop.abort());
    return { answersPull: 1 };
  });
  await loop.run(stop.signal);
  expect(pulled).toEqual([1, 2, 3]);
});
