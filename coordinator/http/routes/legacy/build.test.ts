import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FarmError } from '../../../../shared/errors.ts';
import { BIN_DIR, HASH, startTestServer, type TestServer } from '../../test-server.test.support.ts';

const ACCEPTED = 'Mon, 21 Sep 2026 14:13:20 GMT';
const DONE = {
  status: 200,
  detail: 'done',
  imagebuilder_status: 'done',
  bin_dir: BIN_DIR,
  version_code: 'r1-abc',
  manifest: { vim: '1', 'base-files': '2' },
};

describe('the build API of old clients', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  const post = async (body: unknown, contentType = 'application/json') => {
    const response = await fetch(`${server.url}/api/build`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const request = { version: '24.10.4', profile: 'generic', packages: ['vim'] };

  test('looks the target up from the profile', async () => {
    const reply = await post(request);
    expect(reply).toMatchObject({
      status: 202,
      body: {
        status: 'queued',
        detail: 'queued',
        queue_position: 0,
        enqueued_at: ACCEPTED,
        request_hash: HASH,
      },
    });
    expect(server.asked).toMatchObject([{ version: '24.10.4', target: 'ath79/generic', packages: ['vim'] }]);
  });

  test('a build waits on account of who asks', async () => {
    await fetch(`${server.url}/api/build`, {
      method: 'POST',
      headers: { 'x-test-client': 'ann' },
      body: JSON.stringify(request),
    });
    expect(server.owners).toEqual(['ann']);
  });

  test('takes any content type, unknown keys, and a version in small letters', async () => {
    const odd = { ...request, current_version: 'x', packages_diff: 1, diff_packages: true };
    expect((await post(JSON.stringify(odd), 'text/plain')).status).toBe(202);
    expect(server.asked).toMatchObject([{ diffPackages: true }]);
  });

  test('tells a running build without a position', async () => {
    server.world.record = { ...server.world.record, state: 'running', stage: 'building_image' };
    const { status, body } = await post(request);
    expect([status, body.status, body.imagebuilder_status]).toEqual([202, 'started', 'building_image']);
    expect(body).not.toHaveProperty('queue_position');
  });

  test('names the folder of a finished build as v0.3.0 did, and serves it under that name', async () => {
    server.world.record = { ...server.world.record, state: 'done', answer: DONE };
    const { status, body } = await post(request);
    // sha256 of "base-files vim".
    const folder = '24.10.4/ath79/generic/generic/906989fa0095';
    expect([status, body]).toMatchObject([
      200,
      {
        status: 'done',
        bin_dir: folder,
        buildlog: false,
        url: `/store/${folder}`,
        version_commit: 'r1-abc',
        enqueued_at: ACCEPTED,
      },
    ]);
    const image = await fetch(`${server.url}/store/${folder}/image.bin`);
    expect([image.status, await image.text(), image.headers.get('cache-control')]).toEqual([
      200,
      '0123456789',
      'no-cache',
    ]);
  });

  test('keeps the real folder where the old name stands for another build', async () => {
    const folder = '24.10.4/ath79/generic/generic/906989fa0095';
    await server.deps.aliases.remember(folder, 'c'.repeat(64), async () => true);
    server.world.record = { ...server.world.record, state: 'done', answer: DONE };
    expect((await post(request)).body.bin_dir).toBe(BIN_DIR);
  });

  test('tells a failure as message and as detail', async () => {
    const answer = { status: 500, detail: 'Error: too big', bin_dir: BIN_DIR, stderr: 'x' };
    server.world.record = { ...server.world.record, state: 'failed', answer };
    expect(await post(request)).toMatchObject({
      status: 500,
      body: {
        status: 'failed',
        message: 'Error: too big',
        detail: 'Error: too big',
        buildlog: false,
        stderr: 'x',
      },
    });
  });

  test.each([
    [{}, 'bad_version', 'Missing version'],
    [{ version: '24.10.4' }, 'bad_version', 'Missing profile'],
    [{ ...request, version: '1' }, 'bad_version', 'Unknown version: 1'],
    [{ ...request, version: 5 }, 'bad_version', 'Unknown version: 5'],
    [{ ...request, distro: 'x' }, 'bad_distro', 'Unknown distro: x'],
    [{ ...request, profile: 'nope' }, 'bad_profile', 'Unknown profile: nope'],
    [{ ...request, profile: null }, 'bad_profile', 'Unknown profile: null'],
    [{ ...request, target: 'x/y' }, 'bad_target', 'Unknown target: x/y'],
    [{ ...request, target: 'ath79/generic', profile: 'nope' }, 'bad_profile', 'Unknown profile: nope'],
    [[1], 'bad_request', 'The request is not a JSON object'],
  ])('refuses %j as %s', async (body, status, message) => {
    const reply = await post(body);
    expect([reply.status, reply.body]).toEqual([400, { status, message, detail: message }]);
    expect(server.asked).toEqual([]);
  });

  test('refuses a profile of another distribution without its target, and does not take OpenWrt’s for it', async () => {
    server.world.distros.push('immortalwrt');
    const other = { ...request, distro: 'immortalwrt' };
    const message = 'Missing target, for immortalwrt';
    expect(await post(other)).toMatchObject({ status: 400, body: { status: 'bad_target', message } });
    expect((await post({ ...other, target: 'ath79/generic' })).status).toBe(202);
    expect(server.asked).toMatchObject([{ distro: 'immortalwrt', target: 'ath79/generic' }]);
  });

  test.each([
    [{ ...request, packages: 'vim' }, 422, 'bad_packages', 'packages: Input should be a valid list'],
    [{ ...request, diff_packages: 7 }, 422, 'bad_request', 'diff_packages: Input should be a valid boolean'],
    ['{"a"', 400, 'bad_request', 'The request is not a JSON object'],
  ])('tells what is not valid in %j as one text', async (body, status, word, message) => {
    const reply = await post(body);
    expect(reply).toMatchObject({ status, body: { status: word } });
    expect(reply.body.message).toContain(message);
    expect(reply.body.detail).toBe(reply.body.message);
  });

  test('tells unknown packages, overload and upstream’s failures in words', async () => {
    server.world.resolveError = new FarmError('invalid_request', 'Unknown package(s): a', {
      details: { unknownPackages: ['a'] },
    });
    const unknown = await post(request);
    expect([unknown.status, unknown.body, unknown.headers.get('x-unknown-package')]).toEqual([
      422,
      { status: 'bad_packages', message: 'Unknown package(s): a', detail: 'Unknown package(s): a' },
      'a',
    ]);
    server.world.resolveError = undefined;
    server.world.submitError = new FarmError('resource_exhausted', 'full', { details: { queueLength: 9 } });
    expect(await post(request)).toMatchObject({ status: 529, body: { status: 'overloaded' } });
    server.world.submitError = new TypeError('redis password is hunter2');
    const failed = await post(request);
    expect([failed.status, failed.body]).toEqual([
      500,
      { status: 'error', message: 'Internal Server Error', detail: 'Internal Server Error' },
    ]);
  });

  test('answers by hash, and says when there is no such build', async () => {
    const known = await fetch(`${server.url}/api/build/${HASH}?17`);
    expect([known.status, ((await known.json()) as { status: string }).status]).toEqual([202, 'queued']);
    const unknown = await fetch(`${server.url}/api/build/${'0'.repeat(64)}`);
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { status: 'not_found' }]);
  });
});
