import { describe, expect, test } from 'vitest';
import { fromEnvironment, type RawSettings, SettingsError, withoutSecrets } from '../shared/env.ts';
import { s3SettingsOf } from './artifacts/s3/s3-config.ts';
import { CoordinatorSettingsSchema, parseCoordinatorConfig } from './config.ts';

const required = {
  nats: 'nats://farm:s3cret@127.0.0.1:4222',
  redis: 'redis://:s3cret@127.0.0.1:6379',
  farmKey: 'ab'.repeat(32),
  artifacts: '/srv/artifacts',
};

function problemsOf(raw: RawSettings): readonly string[] {
  try {
    parseCoordinatorConfig(raw);
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.problems;
    throw thrown;
  }
  return [];
}

test('what is required is enough, and the rest is as documented', () => {
  expect(parseCoordinatorConfig(required)).toMatchObject({
    ...required,
    httpHost: '127.0.0.1',
    httpPort: 8080,
    grpcHost: '127.0.0.1',
    grpcPort: 8081,
    upstream: 'https://downloads.openwrt.org',
    allowDefaults: false,
    repositoryAllowList: [],
    leaseMs: 15_000,
    logLevel: 'info',
  });
});

test('nothing given: everything that is missing is told', () => {
  const names = problemsOf({}).map((problem) => problem.split(' ')[0]);
  expect(names).toEqual(['WRTFARM_NATS', 'WRTFARM_REDIS', 'WRTFARM_FARM_KEY', 'WRTFARM_ARTIFACTS']);
});

test.each([
  { nats: 'http://127.0.0.1:4222' },
  { nats: '127.0.0.1:4222' },
  { redis: 'http://127.0.0.1' },
  { farmKey: 'AB'.repeat(32) },
  { farmKey: 'ab'.repeat(31) },
  { httpPort: '65536' },
  { upstream: 'ftp://downloads.openwrt.org' },
  { upstream: 'https://a b' },
  { leaseMs: '1499' },
  { maxQueued: '0' },
  { maxWarming: '0' },
  { logLevel: 'verbose' },
  { allowDefaults: 'maybe' },
  { apiKeys: 'nightly:too-short' },
  { apiKeys: 'a-key-without-a-name' },
  { apiKeys: 'nightly:0123456789abcdef:0' },
  { apiKeys: 'nightly:0123456789abcdef:1025' },
  { apiKeys: 'nightly:0123456789abcdef,other:0123456789abcdef' },
  { trustedProxies: '127.0.0.1,proxy.example' },
  { trustedProxies: '10.0.0.0/33' },
])('%j is refused', (change) => {
  expect(problemsOf({ ...required, ...change })).toHaveLength(1);
});

test('secrets are never shown: not when they are wrong, not with the settings', () => {
  const wrong = { ...required, nats: 'https://farm:s3cret@h', redis: 's3cret', farmKey: 's3cret' };
  expect(problemsOf(wrong)).toHaveLength(3);
  expect(problemsOf(wrong).join('\n')).not.toContain('s3cret');
  const keys = ['ci:s3cret', 'ci:s3cret-0123456789:1025', 'ci:s3cret-0123456789,ann:s3cret-0123456789'];
  for (const apiKeys of keys) expect(problemsOf({ ...required, apiKeys }).join()).not.toContain('s3cret');
  const given = parseCoordinatorConfig({ ...required, apiKeys: 'ci:s3cret-0123456789' });
  const shown = JSON.stringify(withoutSecrets(CoordinatorSettingsSchema, given));
  expect(shown).not.toContain('s3cret');
  expect(shown).not.toContain(required.farmKey);
});

test('the environment gives the same settings as flags', () => {
  const env = {
    WRTFARM_NATS: required.nats,
    WRTFARM_REDIS: required.redis,
    WRTFARM_FARM_KEY: required.farmKey,
    WRTFARM_ARTIFACTS: required.artifacts,
    WRTFARM_ALLOW_DEFAULTS: '1',
    WRTFARM_REPOSITORY_ALLOW_LIST: 'https://a.example, https://b.example/feed',
    WRTFARM_CATALOG_FRESH_MS: '0',
  };
  expect(parseCoordinatorConfig(fromEnvironment(CoordinatorSettingsSchema, env))).toMatchObject({
    allowDefaults: true,
    repositoryAllowList: ['https://a.example', 'https://b.example/feed'],
    catalogFreshMs: 0,
  });
});

describe('a gRPC server for other machines', () => {
  const open = 'nats://127.0.0.1:4222';

  test.each(['0.0.0.0', '::', '192.168.1.2', 'farm.example.org', '127.0.0.1.example.org', '127evil'])(
    'on %s is refused while NATS lets anyone in, and taken once it does not',
    (grpcHost) => {
      const [problem] = problemsOf({ ...required, grpcHost, nats: open });
      expect(problem).toContain('WRTFARM_GRPC_HOST');
      expect(problem).toContain('WRTFARM_NATS');
      expect(problemsOf({ ...required, grpcHost })).toEqual([]);
    },
  );

  test.each(['127.0.0.1', '127.0.1.1', '::1', 'localhost'])('is not one on %s', (grpcHost) => {
    expect(problemsOf({ ...required, grpcHost, nats: open })).toEqual([]);
  });
});

describe('a bucket', () => {
  const bucket = { s3Bucket: 'firmware', s3AccessKey: 'AKIA', s3SecretKey: 's3cret' };

  test('is one once it has a name and keys; all else has a default', () => {
    const config = parseCoordinatorConfig({ ...required, ...bucket });
    expect(s3SettingsOf(config)).toEqual({
      endpoint: undefined,
      region: 'us-east-1',
      bucket: 'firmware',
      prefix: '',
      accessKey: 'AKIA',
      secretKey: 's3cret',
      bucketInHost: false,
      redirect: 'none',
    });
    expect(s3SettingsOf(parseCoordinatorConfig(required))).toBeUndefined();
    expect(JSON.stringify(withoutSecrets(CoordinatorSettingsSchema, config))).not.toContain('s3cret');
  });

  test.each([
    [{ s3Redirect: 'true' }, 'presigned'],
    [
      { s3Redirect: 'true', s3PublicUrl: 'https://files.example/firmware' },
      { publicUrl: 'https://files.example/firmware' },
    ],
  ])('with %j sends clients elsewhere', (change, redirect) => {
    const config = parseCoordinatorConfig({ ...required, ...bucket, ...change });
    expect(s3SettingsOf(config)?.redirect).toEqual(redirect);
  });

  test.each([
    [{ s3Bucket: 'firmware' }, ['WRTFARM_S3_ACCESS_KEY', 'WRTFARM_S3_SECRET_KEY']],
    [{ s3Endpoint: 'http://127.0.0.1:9000' }, ['WRTFARM_S3_BUCKET']],
    [{ s3Redirect: 'true' }, ['WRTFARM_S3_BUCKET']],
    [{ ...bucket, s3PublicUrl: 'https://files.example' }, ['WRTFARM_S3_PUBLIC_URL']],
    [{ ...bucket, s3Endpoint: 'http://127.0.0.1:9000/firmware' }, ['WRTFARM_S3_ENDPOINT']],
    [{ ...bucket, s3Endpoint: 'http://me:s3cret@127.0.0.1' }, ['WRTFARM_S3_ENDPOINT']],
    [{ ...bucket, s3Endpoint: 'http://127.0.0.1:99999' }, ['WRTFARM_S3_ENDPOINT']],
    [{ ...bucket, s3Prefix: 'farm' }, ['WRTFARM_S3_PREFIX']],
    [{ ...bucket, s3Prefix: '/farm/' }, ['WRTFARM_S3_PREFIX']],
    [{ ...bucket, s3Bucket: 'My_Bucket' }, ['WRTFARM_S3_BUCKET']],
  ])('with %j is refused, naming what is wrong', (change, names) => {
    expect(problemsOf({ ...required, ...change }).map((problem) => problem.split(' ')[0])).toEqual(names);
  });
});

test('a URL that cannot be read is told without the password in it', () => {
  const problems = problemsOf({ ...required, nats: 'nats://farm:geheim@h:99999' });
  expect(problems).toEqual([expect.stringContaining('WRTFARM_NATS')]);
  expect(problems.join()).not.toContain('geheim');
});
