import { describe, expect, test } from 'vitest';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, build, X86 } from '../support/wire-builds.ts';

/* Contract 2.3 and 2.4: what a request that cannot be built is told, word for word. */

const used = useFarm({
  agents: 0,
  coordinator: { maxQueued: '2', repositoryAllowList: ['https://feeds.example/ok'] },
});
const { wire } = used;

type Body = Readonly<Record<string, unknown>>;

describe('a 422 lists every failing field as pydantic does', () => {
  const missing = (key: string) => ({ type: 'missing', loc: ['body', key], msg: 'Field required' });
  const pattern = (loc: readonly (string | number)[], shown: string) => ({
    type: 'string_pattern_mismatch',
    loc: ['body', ...loc],
    msg: `String should match pattern '${shown}'`,
    ctx: { pattern: shown },
  });
  const integer = 'Input should be a valid integer';
  const filesystems = "'squashfs', 'ext4', 'ubifs', 'erofs', 'jffs2', 'jffs2-nand', 'targz' or 'cpiogz'";

  test.each<[what: string, change: Body, problem: Body]>([
    ['a wrong text', { version: 24 }, { type: 'string_type', loc: ['body', 'version'], input: 24 }],
    [
      'a wrong list',
      { packages: 'vim' },
      { type: 'list_type', loc: ['body', 'packages'], msg: 'Input should be a valid list', input: 'vim' },
    ],
    [
      'a wrong truth value',
      { diff_packages: null },
      { type: 'bool_type', loc: ['body', 'diff_packages'], msg: 'Input should be a valid boolean' },
    ],
    [
      'a word that is no truth value',
      { diff_packages: 'maybe' },
      {
        type: 'bool_parsing',
        loc: ['body', 'diff_packages'],
        msg: 'Input should be a valid boolean, unable to interpret input',
      },
    ],
    ['a pattern', { target: 'x86-64' }, pattern(['target'], '^[\\w]*/[\\w]*$')],
    ['a pattern in a list', { packages: ['vim', 'a b'] }, pattern(['packages', 1], '^[\\w.,-]*$')],
    [
      'a pattern in a key',
      { repositories: { 'a b': 'https://feeds.example/ok' } },
      pattern(['repositories', 'a b', '[key]'], '^[\\w.-]+$'),
    ],
    [
      'a pattern in a value',
      { packages_versions: { vim: '1:2' } },
      pattern(['packages_versions', 'vim'], '^[\\w+.,~-]*$'),
    ],
    [
      'a text that is too long',
      { defaults: 'x'.repeat(20_481) },
      {
        type: 'string_too_long',
        loc: ['body', 'defaults'],
        msg: 'String should have at most 20480 characters',
        ctx: { max_length: 20_480 },
      },
    ],
    [
      'a number that is too small',
      { rootfs_size_mb: 0 },
      {
        type: 'greater_than_equal',
        loc: ['body', 'rootfs_size_mb'],
        msg: 'Input should be greater than or equal to 1',
        ctx: { ge: 1 },
      },
    ],
    [
      'a number that is too large',
      { rootfs_size_mb: 1025 },
      {
        type: 'less_than_equal',
        loc: ['body', 'rootfs_size_mb'],
        msg: 'Input should be less than or equal to 1024',
        ctx: { le: 1024 },
      },
    ],
    [
      'a text that is no number',
      { rootfs_size_mb: 'much' },
      { type: 'int_parsing', msg: `${integer}, unable to parse string as an integer` },
    ],
    [
      'a fraction',
      { rootfs_size_mb: 1.5 },
      { type: 'int_from_float', msg: `${integer}, got a number with a fractional part` },
    ],
    [
      'a choice',
      { filesystem: 'ntfs' },
      {
        type: 'literal_error',
        loc: ['body', 'filesystem'],
        msg: `Input should be ${filesystems}`,
        ctx: { expected: filesystems },
      },
    ],
  ])('%s', async (_what, change, problem) => {
    const reply = await wire.post('/api/v1/build', { ...X86, ...change });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toMatchObject([problem]);
  });

  test('all at once, in the order of the model', async () => {
    const reply = await wire.post('/api/v1/build', { packages: 1, version: 24, rootfs_size_mb: 0 });
    expect(reply.json.detail).toMatchObject([
      { type: 'string_type', loc: ['body', 'version'] },
      { ...missing('target'), input: { packages: 1, version: 24, rootfs_size_mb: 0 } },
      { type: 'list_type', loc: ['body', 'packages'] },
      { type: 'greater_than_equal', loc: ['body', 'rootfs_size_mb'] },
    ]);
  });

  test.each<[what: string, body: string | undefined, type: string | undefined, problem: Body]>([
    ['no body', undefined, 'application/json', { type: 'missing', loc: ['body'], input: null }],
    [
      'broken JSON',
      '{"version": "24.10.4",}',
      'application/json',
      { type: 'json_invalid', loc: ['body', expect.any(Number)], msg: 'JSON decode error', input: {} },
    ],
    ['a list', '[]', 'application/json', { type: 'model_attributes_type', loc: ['body'] }],
    ['another content type', JSON.stringify(X86), 'text/plain', { type: 'model_attributes_type' }],
    ['no content type', JSON.stringify(X86), undefined, { type: 'model_attributes_type' }],
    ['a content type that is none', JSON.stringify(X86), 'json', { type: 'model_attributes_type' }],
  ])('%s', async (_what, body, type, problem) => {
    const headers: Record<string, string> = type ? { 'Content-Type': type } : {};
    const reply = await wire.send('/api/v1/build', { method: 'POST', body, headers });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toMatchObject([problem]);
  });
});

test.each<[name: string, change: Body]>([
  ['vim+', { packages: ['vim', 'vim+'] }],
  ['a%20b', { packages_versions: { 'a b': '1' } }],
])('auc: a name that cannot be a package is told in the header too: %s', async (name, change) => {
  const reply = await wire.post('/api/v1/build', { ...X86, ...change });
  expect([reply.status, reply.header('x-unknown-package')]).toEqual([422, name]);
});

describe('a 400 says what is not to be had', () => {
  const later = 'Please check the forums';
  const faults: readonly (readonly [what: string, change: Body, detail: string])[] = [
    ['a script where none is taken', { defaults: 'reboot' }, 'Handling `defaults` not enabled on server'],
    [
      'a feed that is not allowed',
      { repositories: { x: 'https://elsewhere.example/' } },
      'Repository not allowed: https://elsewhere.example/',
    ],
    ['a distribution', { distro: 'lede' }, 'Unsupported distro: lede'],
    ['a branch', { version: '18.06.1' }, 'Unsupported branch: 18.06.1'],
    ['a version', { version: '24.10.99' }, 'Unsupported version: 24.10.99'],
    [
      'a target',
      { target: 'made/up' },
      'Unsupported target: made/up. The requested target was either dropped, is still being built or is not ' +
        `supported by the selected version. ${later} or try again later.`,
    ],
    [
      'a profile',
      { profile: 'nobody_nothing' },
      'Unsupported profile: nobody_nothing. The requested profile was either dropped or never existed. ' +
        `${later} for more information.`,
    ],
  ];

  test.each(faults)('%s', async (_what, change, detail) => {
    const reply = await wire.post('/api/v1/build', { ...ARCHER, ...change });
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ detail, status: 400 });
    expect(reply.headerNames.filter((name) => name.startsWith('x-'))).toEqual([]);
  });

  test('of several faults the first is told', async () => {
    for (const [at, [, , detail]] of faults.entries()) {
      const rest = faults.slice(at).toReversed();
      const body = Object.assign({}, ARCHER, ...rest.map(([, change]) => change)) as Body;
      expect((await wire.post('/api/v1/build', body)).json.detail).toBe(detail);
    }
  });

  test('LuCI, auc: a revision that is not the current one is told before it is built', async () => {
    const reply = await wire.post('/api/v1/build', { ...X86, version_code: 'r28000-0123456789' });
    expect(reply.status).toBe(500);
    expect(reply.json).toEqual({
      detail: 'Error: Received incorrect version r28959-29397011cc (requested r28000-0123456789)',
      status: 500,
      imagebuilder_status: 'failed',
      stdout: '',
      stderr: '',
    });
    expect(reply.header('x-imagebuilder-status')).toBe('failed');
  });

  test.each([
    ['another scheme', 'http://feeds.example/ok'],
    ['another host', 'https://feeds.example.evil.example/ok'],
    ['another port, which asu lets pass', 'https://feeds.example:8443/ok'],
    ['a user, which asu lets pass', 'https://me@feeds.example/ok'],
    ['a way out of the folder, which asu lets pass', 'https://feeds.example/ok/../other'],
    ['the same, in escapes', 'https://feeds.example/ok/%2e%2e/other'],
    ['a folder that begins alike', 'https://feeds.example/okay'],
  ])('a repository at %s', async (_what, url) => {
    const reply = await wire.post('/api/v1/build', { ...X86, repositories: { extra: url } });
    expect(reply.status).toBe(400);
    expect(reply.json.detail).toBe(`Repository not allowed: ${url}`);
  });
});

describe('an unknown package is a 422 at once', () => {
  test('auc shows the header, the others `detail`, which is a text', async () => {
    const reply = await wire.post('/api/v1/build', { ...X86, packages: ['vimm', 'vim', 'zzz-nothing'] });
    expect(reply.status).toBe(422);
    expect(reply.json).toEqual({
      status: 422,
      detail: 'Unknown package(s): vimm, zzz-nothing (did you mean vim?)',
    });
    expect(reply.header('x-unknown-package')).toBe('vimm');
  });

  test('owut and auc: one in packages_versions too', async () => {
    const reply = await wire.post('/api/v1/build', { ...X86, packages_versions: { 'zzz-nothing': '1' } });
    expect(reply.json.detail).toBe('Unknown package(s): zzz-nothing');
  });

  test('a kernel module of another target', async () => {
    const reply = await wire.post('/api/v1/build', { ...X86, packages: ['kmod-ath9k'] });
    expect(reply.json.detail).toMatch(/^Unknown package\(s\): kmod-ath9k/);
  });
});

test('a full queue refuses what is new with 529, and nothing else', async () => {
  const finished = { ...X86, packages: ['nano'] };
  const failed = { ...X86, packages: ['dangling'] };
  const agent = await used.farm.startAgent('short-lived');
  expect((await build(wire, finished)).status).toBe(200);
  expect((await build(wire, failed)).status).toBe(500);
  await agent[Symbol.asyncDispose]();
  const waiting = [X86, { ...X86, packages: ['vim'] }, { ...X86, packages: ['htop'] }];
  for (const body of waiting) expect((await wire.post('/api/v1/build', body)).status).toBe(202);

  const refused = await wire.post('/api/v1/build', { ...X86, packages: ['tmux'] });
  expect(refused.status).toBe(529);
  expect(refused.json).toEqual({
    status: 529,
    title: 'Server overloaded',
    detail: 'server overload, queue contains too many build requests: 3',
  });
  expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers('access-control-allow-origin')).toEqual(['*']);
  expect(refused.headerNames.filter((name) => name.startsWith('x-'))).toEqual([]);
  for (const body of waiting) expect((await wire.post('/api/v1/build', body)).status).toBe(202);
  expect((await wire.post('/api/v1/build', finished)).status).toBe(200);
  expect((await wire.post('/api/v1/build', failed)).status).toBe(500);
});
