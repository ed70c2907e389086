import { expect, test } from 'vitest';
import { fromEnvironment, type RawSettings, SettingsError, withoutSecrets } from '../shared/env.ts';
import { AgentSettingsSchema, parseAgentConfig } from './config.ts';

const required = { id: 'attic-1', nats: 'nats://attic-1:s3cret@127.0.0.1:4222' };

function problemsOf(raw: RawSettings): readonly string[] {
  try {
    parseAgentConfig(raw);
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.problems;
    throw thrown;
  }
  return [];
}

test('what is required is enough, and the rest is as documented', () => {
  expect(parseAgentConfig(required)).toMatchObject({
    ...required,
    grpc: [],
    slots: 1,
    disk: { reserveBytes: 2 * 1024 ** 3 },
    intake: { diskReserveBytes: 2 * 1024 ** 3, windows: [] },
    upstream: 'https://downloads.openwrt.org',
    upstreamKey: [],
    buildTimeoutMs: 600_000,
    drainMs: 600_000,
    logLevel: 'info',
  });
});

test('nothing given: everything that is missing is told', () => {
  const names = problemsOf({}).map((problem) => problem.split(' ')[0]);
  expect(names).toEqual(['WRTFARM_ID', 'WRTFARM_NATS']);
});

test.each([
  { id: 'attic.1' },
  { id: '*' },
  { id: '-attic' },
  { id: '../attic' },
  { id: 'a'.repeat(65) },
  { nats: 'https://127.0.0.1' },
  { grpc: '127.0.0.1' },
  { grpc: '127.0.0.1:8081,farm' },
  { grpc: 'http://farm:8081' },
  { slots: '0' },
  { slots: '65' },
  { upstream: 'downloads.openwrt.org' },
  { diskBudget: '20' },
  { diskBudget: '50%' },
  { diskBudget: '-1G' },
  { diskBudget: '20GB' },
  { diskReserve: '2 G' },
  { maxLoad: 'high' },
  { maxLoad: '-1' },
  { schedule: '22-07' },
  { schedule: '22:00-07:00,12:00' },
  { schedule: '07:00-07:00' },
  { onlyTargets: 'ath79' },
  { onlyTargets: '*/generic' },
  { onlyVersions: '24.*.1' },
  { onlyVersions: '24.10/x' },
  { buildTimeoutMs: '999' },
  { drainMs: '-1' },
])('%j is refused', (change) => {
  expect(problemsOf({ ...required, ...change })).toHaveLength(1);
});

test('what a lender allows is read from lists, and everything else is left out', () => {
  const config = parseAgentConfig({
    ...required,
    diskBudget: '20G',
    diskReserve: '500M',
    maxLoad: '1.5',
    schedule: '22:00-07:00, 12:00-13:30',
    onlyTargets: ['x86/64', 'ath79/*'],
    onlyVersions: '24.10.*,SNAPSHOT',
  });
  expect(config).toMatchObject({
    disk: { budgetBytes: 20 * 1024 ** 3, reserveBytes: 500 * 1024 ** 2 },
    intake: {
      diskReserveBytes: 500 * 1024 ** 2,
      maxLoadPerCore: 1.5,
      windows: [
        { fromMinute: 1320, toMinute: 420 },
        { fromMinute: 720, toMinute: 810 },
      ],
    },
    accepts: { targets: ['x86/64', 'ath79/*'], versions: ['24.10.*', 'SNAPSHOT'] },
  });
  expect(parseAgentConfig(required)).not.toHaveProperty('accepts');
  expect(parseAgentConfig({ ...required, onlyVersions: '*' }).accepts).toEqual({ versions: ['*'] });
});

test('all that is wrong is told at once, each with its form', () => {
  const problems = problemsOf({ ...required, diskBudget: '20GB', schedule: '22-7', onlyTargets: 'ath79' });
  expect(problems).toEqual([
    expect.stringMatching(
      /^WRTFARM_DISK_BUDGET \(--disk-budget\) must be a size such as 500M or 20G.*not "20GB"/,
    ),
    expect.stringMatching(
      /^WRTFARM_SCHEDULE \(--schedule\) must be a part of the day such as 22:00-07:00.*not "22-7"/,
    ),
    expect.stringMatching(
      /^WRTFARM_ONLY_TARGETS \(--only-targets\) must be a target such as x86\/64, or ath79\/\*.*not "ath79"/,
    ),
  ]);
});

test('the password for NATS is never shown', () => {
  expect(problemsOf({ ...required, nats: 's3cret' }).join('\n')).not.toContain('s3cret');
  const shown = withoutSecrets(AgentSettingsSchema, parseAgentConfig(required));
  expect(shown).toMatchObject({ id: 'attic-1', nats: '[secret]' });
});

test('the environment gives the same settings as flags', () => {
  const env = {
    WRTFARM_ID: 'attic-1',
    WRTFARM_NATS: required.nats,
    WRTFARM_GRPC: 'one:8081,two:8081',
    WRTFARM_UPSTREAM_KEY: '/etc/a.pub',
    WRTFARM_SLOTS: '4',
  };
  expect(parseAgentConfig(fromEnvironment(AgentSettingsSchema, env))).toMatchObject({
    grpc: ['one:8081', 'two:8081'],
    upstreamKey: ['/etc/a.pub'],
    slots: 4,
  });
});

test('settings of a coordinator are no settings of an agent', () => {
  expect(() => fromEnvironment(AgentSettingsSchema, { WRTFARM_FARM_KEY: 'ab'.repeat(32) })).toThrow(
    'WRTFARM_FARM_KEY is not a setting of this program',
  );
});
