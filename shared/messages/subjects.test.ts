import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LANES } from '../domain/build-spec.ts';
import { builderToken, DISTRO_PATTERN, TARGET_PATTERN, VERSION_PATTERN } from '../domain/builder.ts';
import {
  acceptedSubject,
  inboxPrefix,
  jobConsumer,
  jobSubject,
  parseLaneSubject,
  pullSubject,
  wakeAgentSubject,
  wakeSubject,
  watchSubject,
} from './subjects.ts';

test('subjects and consumers are those of the design', () => {
  const builder = 'openwrt=24_10_4=x86=64';
  expect(jobSubject('open', builder)).toBe('jobs.open.openwrt=24_10_4=x86=64');
  expect(wakeSubject('trusted', builder)).toBe('wake.trusted.openwrt=24_10_4=x86=64');
  expect(jobConsumer('open', builder)).toBe('open=openwrt=24_10_4=x86=64');
  expect(wakeAgentSubject('attic')).toBe('wake.agent.attic');
  expect(pullSubject('attic')).toBe('agent.attic.pull');
  expect(inboxPrefix('attic')).toBe('_INBOX_attic');
  expect(acceptedSubject('f00')).toBe('accepted.f00');
  expect(watchSubject('f00')).toBe('watch.f00');
});

test('a job or wake-up names its lane and builder', () => {
  const builders = fc.record({
    distro: fc.stringMatching(new RegExp(DISTRO_PATTERN)),
    version: fc.stringMatching(new RegExp(VERSION_PATTERN)),
    target: fc.stringMatching(new RegExp(TARGET_PATTERN)),
  });
  fc.assert(
    fc.property(fc.constantFrom(...LANES), builders.map(builderToken), (lane, builder) => {
      expect(parseLaneSubject(jobSubject(lane, builder))).toEqual({ lane, builder });
      expect(parseLaneSubject(wakeSubject(lane, builder))).toEqual({ lane, builder });
    }),
  );
});

test.each([
  '',
  'wake',
  'wake.open',
  'wake.open.',
  'wake.agent.attic',
  'wake.agent.open',
  'wake.secret.openwrt=24_10_4=x86=64',
  'wake.open.openwrt=24_10_4=x86',
  'wake.open.openwrt=24_10_4=x86=64.more',
  'wake.open.openwrt=24.10.4=x86=64',
])('%j names no lane and builder', (subject) => {
  expect(parseLaneSubject(subject)).toBeUndefined();
});
