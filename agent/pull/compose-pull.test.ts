import { expect, test } from 'vitest';
import { type Pull, PullSchema } from '../../shared/messages/pull.ts';
import { parseAs } from '../../shared/schema.ts';
import { type AgentFacts, type AgentIdentity, composePull } from './compose-pull.ts';
import type { IntakeView } from './intake.ts';

const identity: AgentIdentity = {
  agentId: 'attic',
  session: '5'.repeat(32),
  slots: 2,
  accepts: { targets: ['ath79/*'] },
  software: '0.2.0',
  arch: 'x64',
};
const lease = {
  requestHash: 'a'.repeat(64),
  generation: '1'.repeat(32),
  attempt: 1,
  agentId: 'attic',
  token: '0'.repeat(96),
};
const pinned = { builder: 'openwrt=24_10_4=ath79=generic', digest: 'd'.repeat(64) };
const facts: AgentFacts = {
  attempts: () => [lease],
  warm: () => [{ ...pinned, sizeBytes: 700_000_000, warmedInMs: 42_000 }],
  warming: () => [],
  takeWarmFailures: () => [],
  diskBudgetBytes: (free) => free / 2,
  isDraining: () => false,
};
const idle: IntakeView = {
  host: { loadPerCore: 0.25, diskFreeBytes: 1e12, cpuPressure: 0.1 },
  decision: { takesWork: true },
};

/** As a coordinator reads it. */
function received(pull: Pull): Pull {
  return parseAs(PullSchema, JSON.parse(JSON.stringify(pull)), 'pull');
}

test('a pull carries all that scheduling wants to know', () => {
  const pull = composePull(identity, 7, facts, idle);
  expect(received(pull)).toEqual(pull);
  expect(pull).toMatchObject({
    agentId: 'attic',
    sequence: 7,
    slots: 2,
    warm: [{ ...pinned, sizeBytes: 700_000_000, warmedInMs: 42_000 }],
    accepts: { targets: ['ath79/*'] },
    software: '0.2.0',
    arch: 'x64',
    loadPerCore: 0.25,
    cpuPressure: 0.1,
    diskFreeBytes: 1e12,
    diskBudgetBytes: 5e11,
    draining: false,
  });
});

test('what is not known or not limited is left out', () => {
  const { accepts: _, ...all } = identity;
  const { cpuPressure: __, ...host } = idle.host;
  const pull = composePull(
    all,
    1,
    { ...facts, diskBudgetBytes: () => undefined, warm: () => [pinned] },
    { ...idle, host },
  );
  expect(Object.keys(pull)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(accepts|cpuPressure|diskBudgetBytes)$/)]),
  );
  expect(received(pull)).toEqual(pull);
});

test('an agent that takes no new work offers no slots, and keeps telling of what it has', () => {
  const full: IntakeView = { ...idle, decision: { takesWork: false, reason: 'disk_full', text: 'full' } };
  const pull = composePull(identity, 1, facts, full);
  expect(pull).toMatchObject({ slots: 0, attempts: [lease], warm: [pinned], draining: false });
  expect(received(pull)).toEqual(pull);
});
