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
  { buildTimeoutMs: '999' },
  { drainMs: '-1' },
])('%j is refused', (change) => {
  expect(problemsOf({ ...required, ...change })).toHaveLength(1);
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
