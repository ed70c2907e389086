import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FarmError } from '../../../shared/errors.ts';
import { jobView } from '../job-view.ts';
import { DoneSchema, FailedSchema, QueuedSchema, StartedSchema } from '../openapi/answers.ts';
import { buildRequestSchema } from '../parse-build-request.ts';
import { sampleRecord } from '../sample-record.test.support.ts';
import { BODY, startTestServer, type TestServer } from '../test-server.test.support.ts';

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly content?: Readonly<Record<string, { readonly schema: object }>>;
        readonly headers?: object;
      }
    >
  >;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe('the OpenAPI document', () => {
  let server: TestServer;
  let document: Document;

  beforeEach(async () => {
    server = await startTestServer();
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('tells the endpoints of the contract', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'wrtfarm', version: '0.1.0' } });
    const paths = Object.keys(document.paths);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['/api/v1/build', '/api/v1/build/{hash}', '/api/v1/revision/{version}/{target}/{subtarget}'],
        ...['/json/v1/overview.json', '/json/v1/latest.json', '/json/v1/branches.json', '/json/{path}'],
        ...['/store/{folder}/{name}', '/api/v1/stats', '/api/v1/stats/summary', '/api/v1/top-packages'],
        ...['/api/versions', '/api/profiles/{version}', '/api/build', '/api/build/{hash}', '/docs'],
      ]),
    );
    expect(paths.filter((path) => /[:*(]/.test(path))).toEqual([]);
  });

  test('tells only what is there, and each method with the answers it has', async () => {
    const known: Record<string, string> = { hash: 'x', n: '1' };
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { summary, responses }] of Object.entries(operations)) {
        expect(summary).not.toBe('');
        const url = path.replace(/\{(\w+)\}/g, (_all, name: string) => known[name] ?? name);
        const response = await fetch(server.url + url, { method: method.toUpperCase() });
        await response.arrayBuffer();
        expect([path, method, Object.keys(responses)]).toEqual([
          path,
          method,
          expect.arrayContaining([String(response.status)]),
        ]);
      }
    }
  });

  test('says of a build request what reading it says', () => {
    const schema = document.paths['/api/v1/build']?.post?.requestBody?.content['application/json']?.schema;
    expect(schema).toEqual(JSON.parse(JSON.stringify(buildRequestSchema())));
    expect(Value.Check(schema ?? {}, BODY)).toBe(true);
  });

  test('says of a request of 2020 what reading it says: its target may be left out', () => {
    const schema = document.paths['/api/build']?.post?.requestBody?.content['application/json']?.schema ?? {};
    const { target: _left, ...request } = BODY;
    expect(Value.Check(schema, request)).toBe(true);
    expect(Value.Check(schema, BODY)).toBe(true);
    expect(Value.Check(schema, { ...request, target: 'ath79' })).toBe(false);
    expect(Value.Check(schema, { ...request, packages: 'vim' })).toBe(false);
    expect(Value.Check(schema, { profile: 'generic' })).toBe(false);
  });

  test.each<[what: string, status: number, method: string, path: string, size: number]>([
    ['a body that is too large', 413, 'post', '/api/v1/build', 1024 ** 2],
    ['a body of 2020 that is too large', 413, 'post', '/api/build', 1024 ** 2],
    ['a build while something is away', 503, 'post', '/api/v1/build', 0],
    ['a build of 2020 while something is away', 503, 'post', '/api/build', 0],
    ['the queue while something is away', 503, 'get', '/api/v1/stats', 0],
  ])('tells the answer to %s', async (_what, status, method, path, size) => {
    const away = new FarmError('unavailable', 'Redis is away', { details: { service: 'database' } });
    Object.assign(server.world, { resolveError: away, queuedError: away });
    const body = JSON.stringify({ ...BODY, more: ' '.repeat(size) });
    const response = await fetch(server.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'post' ? { body } : {}),
    });
    expect(response.status).toBe(status);
    const told = document.paths[path]?.[method]?.responses[status];
    const schema = told?.content?.['application/json']?.schema ?? {};
    expect([...Value.Errors(schema, await response.json())]).toEqual([]);
    const headers = Object.keys(told?.headers ?? {});
    expect(headers.filter((name) => !response.headers.has(name))).toEqual([]);
    expect(headers).toEqual(status === 503 ? ['Retry-After'] : []);
  });

  test('tells parameters with their limits', () => {
    expect(document.paths['/api/v1/top-packages']?.get?.parameters).toEqual([
      { name: 'branch', in: 'query', required: false, schema: expect.objectContaining({ maxLength: 32 }) },
      {
        name: 'n',
        in: 'query',
        required: false,
        schema: { type: 'integer', minimum: 1, maximum: 100, default: 30 },
      },
    ]);
    expect(document.paths['/store/{folder}/{name}']?.get?.parameters).toMatchObject([
      { name: 'folder', in: 'path', required: true },
      { name: 'name', in: 'path', required: true },
    ]);
  });
});

describe('documented answers are those of', () => {
  const record = sampleRecord();
  const common = { stdout: '', stderr: '', request: {}, request_hash: record.requestHash };

  test.each([
    ['a queued build', QueuedSchema, record],
    ['a running build', StartedSchema, { ...record, state: 'running' as const, stage: 'init' as const }],
    [
      'a failed build',
      FailedSchema,
      {
        ...record,
        state: 'failed' as const,
        answer: { ...common, status: 500, detail: 'Error: x', imagebuilder_status: 'failed' },
      },
    ],
  ])('%s', (_name, schema, shown) => {
    const { body } = jobView(shown, 'GET');
    expect([...Value.Errors(schema, body)]).toEqual([]);
  });

  test('a finished build, and nothing less', () => {
    const answer = { ...common, status: 200, detail: 'done', imagebuilder_status: 'done' };
    const { body } = jobView({ ...record, state: 'done', answer }, 'GET');
    expect([...Value.Errors(DoneSchema, body)].length).toBeGreaterThan(0);
  });
});
