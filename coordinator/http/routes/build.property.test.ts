import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-server.test.support.ts';

describe('asking for a build', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await expect.poll(() => server.world.openStreams).toBe(0);
  });

  test('no JSON at all makes it fail or crash', async () => {
    const key = fc.constantFrom(
      ...['distro', 'version', 'version_code', 'target', 'profile', 'packages', 'packages_versions'],
      ...['diff_packages', 'defaults', 'rootfs_size_mb', 'filesystem', 'repositories', 'repositories_mode'],
      ...['repository_keys', 'client', '__proto__', 'constructor'],
    );
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constant(Number.POSITIVE_INFINITY),
    );
    const model = fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => {
      const members = entries.map(
        ([name, each]) =>
          `${JSON.stringify(name)}:${each === Number.POSITIVE_INFINITY ? '1e400' : JSON.stringify(each)}`,
      );
      return `{${members.join(',')}}`;
    });
    const body = fc.oneof(model, fc.json(), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const response = await server.post(text);
        await response.arrayBuffer();
        expect([202, 400, 422]).toContain(response.status);
      }),
      { numRuns: 300 },
    );
  });
});
