import { expect, test } from 'vitest';
import { childEnvironment } from './child-environment.ts';

test('children are told their settings by nothing but their own command', () => {
  const env = childEnvironment({ PATH: '/bin', WRTFARM_NATS: 'nats://other', WRTFARM_SLOTS: '9' });
  expect(env).toMatchObject({ PATH: '/bin' });
  expect(Object.keys(env).filter((name) => name.startsWith('WRTFARM_'))).toEqual([]);
});

test('a proxy is not asked for what runs on this machine', () => {
  const env = childEnvironment({ https_proxy: 'http://proxy:3128', NO_PROXY: 'intranet' });
  expect(env.no_proxy).toBe('intranet,127.0.0.1,localhost');
  expect(env.NO_PROXY).toBe(env.no_proxy);
});
