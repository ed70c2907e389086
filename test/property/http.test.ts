import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { anyBuildBody } from '../../coordinator/http/any-build-body.test.support.ts';
import { useFarm } from '../support/use-farm.ts';
import { sendOverWire, type WireReply, type WireRequest } from '../support/wire.ts';
import { NO_HASH, X86 } from '../support/wire-builds.ts';

/*
 * Whatever is sent to a coordinator, it answers in the form of the contract and goes on. There is no agent, so what it accepts
 * waits. A failure is printed with its seed and the smallest case.
 */

const BATCHES = 1_200;
/** Requests that are under way at the same time, each on one of as many connections that are kept. */
const AT_ONCE = 8;

const used = useFarm({
  agents: 0,
  coordinator: { allowDefaults: 'true', repositoryAllowList: ['https://ok.example/'], maxQueued: '1000000' },
});
const connections = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

afterAll(() => connections.destroy());

interface Sent extends WireRequest {
  readonly path: string;
}

const send = ({ path, ...request }: Sent): Promise<WireReply> =>
  sendOverWire(used.farm.url, path, request, connections);

/** Of what is found, only this is JSON; the rest are pages, metrics, logs and files. */
const IS_JSON = /^\/+(?:json|api)\/(?!.*(?:build-errors|log(?:$|\?)))/;

function expectInForm({ path, method = 'GET' }: Sent, reply: WireReply): void {
  expect(reply.headers('access-control-allow-origin')).toEqual(['*']);
  if (method === 'HEAD' || method === 'OPTIONS') {
    expect(reply.bytes.length).toBe(0);
    expect(reply.status).toBeLessThan(500);
    return;
  }
  if (method === 'GET' && reply.status < 400 && !IS_JSON.test(path)) return;
  expect(reply.header('content-type')).toMatch(/^application\/json/);
  const { json } = reply;
  if (method !== 'GET' || reply.status >= 400) {
    expect(json).toHaveProperty('detail');
    expect(json).toHaveProperty('status');
  }
  if (reply.status >= 500) expect(json).toMatchObject({ imagebuilder_status: 'failed' });
}

/** A part of a path: right ones, ways out, escapes that are none, names of JavaScript's own, long ones. */
const part = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['releases', '24.10.4', 'snapshots', 'SNAPSHOT', '25.12.0', 'targets', 'packages', 'x86', '64'],
      ...['ath79', 'generic', 'generic.json', 'index.json', 'x86_64-index.json', 'tplink,archer-c7-v5.json'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '',
        '.',
        '..',
        '%2e%2e',
        '%2f',
        '%00',
        '%',
        '%zz',
        '%ff',
        '%F0%9F%98%80',
        '__proto__',
        'constructor',
      ],
      ...[
        'a'.repeat(300),
        'a'.repeat(1_200),
        '*',
        ':hash',
        'faillogs-24.10',
        '\u00e9',
        "'",
        '"',
        '#',
        NO_HASH,
      ],
    ),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^[!-~]{0,12}$/) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }).map(encodeLoosely) },
);
const parts = fc.array(part, { maxLength: 7 }).map((each) => each.join('/'));

const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.constantFrom(
    '?1732386000000',
    '?',
    '??',
    '?n=5',
    '?n=101',
    '?n=x&n=1',
    '?n=%',
    '?branch=24.10&n=1e9',
    '?branch=%00',
  ),
  fc.tuple(fc.constantFrom('n', 'branch', 'a', '__proto__'), part).map(([key, value]) => `?${key}=${value}`),
);

const path = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: parts.map((rest) => `/json/v1/${rest}`) },
      parts.map((rest) => `/json/${rest}`),
      {
        weight: 2,
        arbitrary: fc.tuple(part, part, part).map((each) => `/api/v1/revision/${each.join('/')}`),
      },
      part.map((hash) => `/api/v1/build/${hash}`),
      part.map((hash) => `/api/v1/build/${hash}/log`),
      part.map((hash) => `/api/build/${hash}`),
      parts.map((rest) => `/store/${rest}`),
      fc
        .tuple(fc.constantFrom('profiles', 'names', 'packages'), part)
        .map((each) => `/api/${each.join('/')}`),
      part.map((version) => `/profiles-${version}.json`),
      fc.constantFrom(
        ...['/api/v1/overview', '/api/v1/latest', '/json/v1/branches.json', '/api/versions', '/readyz'],
        ...[
          '/api/v1/top-packages',
          '/api/v1/builds-by-version',
          '/api/v1/builds-per-day',
          '/api/v1/build-errors',
        ],
        ...['/api/v1/stats', '/api/v1/stats/summary', '/', '/stats', '/docs', '/metrics', '/openapi.json'],
      ),
      parts.map((rest) => `/${rest}`),
    ),
    query,
  )
  .map((each) => each.join(''));

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constant('GET') },
  { weight: 2, arbitrary: fc.constant('HEAD') },
  fc.constantFrom('OPTIONS', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'),
);

const contentType = fc.oneof(
  { weight: 12, arbitrary: fc.constant('application/json') },
  fc.constantFrom(
    'application/json; charset=utf-8',
    'text/plain',
    'json',
    '',
    'application/vnd.api+json',
    '*/*',
  ),
);

const asking = fc
  .record({
    path: fc.constantFrom('/api/v1/build', '/api/v1/build', '/api/build', '//api//v1/build?1'),
    body: anyBuildBody(),
    type: contentType,
    chunked: fc.boolean(),
    userAgent: fc.constantFrom('', 'auc (0.3.2)', 'owut/2026.07.08-r1', 'x'.repeat(2_000)),
  })
  .map(
    ({ type, userAgent, ...rest }): Sent => ({
      ...rest,
      method: 'POST',
      headers: { 'Content-Type': type, 'User-Agent': userAgent },
    }),
  );
// Bytes beyond ASCII are no HTTP; what is told about them cannot know that HEAD wants no body.
const reading = fc.record({ path, method }).filter((each) => each.method === 'GET' || isAscii(each.path));

function isAscii(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

/** As little escaped as Node lets one send. */
function encodeLoosely(text: string): string {
  return text.replace(/[^\u0021-\u00ff]/gu, (each) => encodeURIComponent(each));
}

test(`${BATCHES * AT_ONCE} requests of all kinds are answered in form, and none breaks the next`, async () => {
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(asking, reading), { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (requests: readonly Sent[]) => {
        const replies = await Promise.all(requests.map(send));
        for (const [at, request] of requests.entries()) {
          const reply = replies[at] as WireReply;
          seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
          expectInForm(request, reply);
        }
      },
    ),
    { numRuns: BATCHES },
  );
  // Requests that are all answered alike would show little.
  for (const status of [200, 202, 204, 400, 404, 405, 422, 500]) {
    expect(seen.get(status) ?? 0, String(status)).toBeGreaterThan(10);
  }
  const good = await send({
    path: '/api/v1/build',
    body: { ...X86, packages: ['vim', 'tmux', 'htop'] },
    headers: { 'Content-Type': 'application/json' },
  });
  expect([good.status, good.json.detail]).toEqual([202, 'queued']);
  expect((await send({ path: `/api/v1/build/${good.json.request_hash}` })).status).toBe(202);
  expect((await send({ path: '/json/v1/overview.json' })).status).toBe(200);
});
