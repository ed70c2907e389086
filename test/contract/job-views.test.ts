import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import type { WireReply } from '../support/wire.ts';
import { ARCHER, build, finalReply, hashFor, X86 } from '../support/wire-builds.ts';

/* Contract 2.5: a build on its way, in the words of each state. The tests of this file follow the life of a build. */

const used = useFarm({ agents: 0, agent: { slots: '2' } });
const { wire } = used;

/** In the order of their coming. */
const STAGES = ['init', 'container_setup', 'validate_revision', 'validate_manifest', 'building_image'];
/** Keys of the request model. */
const REQUEST_KEYS = [
  ...['client', 'defaults', 'diff_packages', 'distro', 'filesystem', 'packages', 'packages_versions'],
  ...['profile', 'repositories', 'repositories_mode', 'repository_keys', 'rootfs_size_mb', 'target'],
  ...['version', 'version_code'],
];
const SLOW = { ...X86, profile: 'pcengines,apu2', packages: ['knob-slow-2'], client: 'owut/2026.07.08-r1' };
const POSTED_AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00$/;
const POLLED_AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;

describe('queued', () => {
  let posted: WireReply;
  let polled: WireReply;

  beforeAll(async () => {
    posted = await wire.post('/api/v1/build', SLOW);
    polled = await wire.get(`/api/v1/build/${posted.json.request_hash}`);
  });

  test.each(['POST', 'GET'])('%s says 202, also in the body, and `queued`', (method) => {
    const reply = method === 'POST' ? posted : polled;
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ status: 202, detail: 'queued' });
  });

  test('owut reads position and state from the headers of HEAD', async () => {
    const head = await wire.send(`/api/v1/build/${posted.json.request_hash}`, { method: 'HEAD' });
    for (const reply of [posted, polled, head]) {
      expect(reply.header('x-imagebuilder-status')).toBe('queued');
      expect(reply.header('x-queue-position')).toBe('0');
    }
  });

  test('LuCI shows `queue_position`, a number from 0 on, and throws over any other key about progress', () => {
    for (const { json } of [posted, polled]) {
      expect(Object.keys(json).sort()).toEqual([
        'detail',
        'enqueued_at',
        'queue_position',
        'request_hash',
        'status',
      ]);
      expect(json.queue_position).toBe(0);
    }
  });

  test('whoever comes later stands behind', async () => {
    const later = await wire.post('/api/v1/build', { ...SLOW, packages: ['vim', 'tmux'] });
    expect(later.json.queue_position).toBe(1);
    expect(later.header('x-queue-position')).toBe('1');
  });

  test('`enqueued_at` is written as asu writes it, and is the same time', () => {
    expect(posted.json.enqueued_at).toMatch(POSTED_AT);
    expect(polled.json.enqueued_at).toMatch(POLLED_AT);
    expect(Date.parse(String(posted.json.enqueued_at))).toBe(Date.parse(String(polled.json.enqueued_at)));
  });

  test('it tells when asking again makes sense', () => {
    expect(Number(polled.header('retry-after'))).toBeGreaterThan(0);
  });
});

describe('started', () => {
  const seen: WireReply[] = [];
  let posted: WireReply;
  let head: WireReply;

  beforeAll(async () => {
    await used.farm.startAgent('agent-1');
    const hash = await hashFor(wire, SLOW);
    await eventually(async () => {
      const reply = await wire.get(`/api/v1/build/${hash}`);
      if (reply.json.detail === 'started') seen.push(reply);
      return reply.json.imagebuilder_status === 'building_image';
    });
    posted = await wire.post('/api/v1/build', SLOW);
    head = await wire.send(`/api/v1/build/${hash}`, { method: 'HEAD' });
    expect((await finalReply(wire, hash)).status).toBe(200);
  });

  test('every poll says 202 and `started`', () => {
    expect(seen.length).toBeGreaterThan(0);
    for (const { status, json } of seen) {
      expect(status).toBe(202);
      expect(json).toMatchObject({ status: 202, detail: 'started' });
    }
  });

  test('LuCI indexes a table by `imagebuilder_status`, and shows a position where the key exists', () => {
    for (const { json } of seen) {
      expect(STAGES).toContain(json.imagebuilder_status);
      expect(json).not.toHaveProperty('queue_position');
    }
  });

  test('stages come in their order, and the last one before the end is building_image', () => {
    const stages = seen.map(({ json }) => STAGES.indexOf(String(json.imagebuilder_status)));
    expect(stages).toEqual(stages.toSorted());
    expect(stages.at(-1)).toBe(STAGES.indexOf('building_image'));
  });

  test('owut reads the stage from the headers, and the position is 0', () => {
    for (const reply of seen) {
      expect(reply.header('x-imagebuilder-status')).toBe(reply.json.imagebuilder_status);
      expect(reply.header('x-queue-position')).toBe('0');
    }
    expect(head.status).toBe(202);
    expect(head.header('x-imagebuilder-status')).toBe('building_image');
  });

  test('`request` is the whole model, its defaults filled in and its profile mapped', () => {
    const request = seen[0]?.json.request as Record<string, unknown>;
    expect(Object.keys(request).sort()).toEqual(REQUEST_KEYS);
    expect(request).toEqual({
      distro: 'openwrt',
      version: '24.10.4',
      version_code: '',
      target: 'x86/64',
      profile: 'generic',
      packages: ['knob-slow-2'],
      packages_versions: {},
      diff_packages: false,
      defaults: null,
      rootfs_size_mb: null,
      filesystem: null,
      repositories: {},
      repositories_mode: 'replace',
      repository_keys: [],
      client: 'owut/2026.07.08-r1',
    });
  });

  test('LuCI posts again until it sees a 202: it is the same build, told the same way', () => {
    expect(posted.status).toBe(202);
    expect(posted.json).toMatchObject({ detail: 'started', imagebuilder_status: 'building_image' });
    expect(posted.json.request_hash).toBe(seen[0]?.json.request_hash);
    expect(posted.json.enqueued_at).toMatch(POSTED_AT);
    expect(Number(posted.header('retry-after'))).toBeGreaterThan(0);
  });
});

describe('finished', () => {
  test('GET, HEAD and POST say 200 and `done`', async () => {
    const hash = await hashFor(wire, SLOW);
    const done = await finalReply(wire, hash);
    const replies = [
      done,
      await wire.post('/api/v1/build', SLOW),
      await wire.send(`/api/v1/build/${hash}`, { method: 'HEAD' }),
    ];
    for (const reply of replies) {
      expect(reply.status).toBe(200);
      expect(reply.header('x-imagebuilder-status')).toBe('done');
      expect(reply.header('x-queue-position')).toBe('0');
      expect(reply.header('retry-after')).toBeUndefined();
    }
    for (const { json } of replies.slice(0, 2)) {
      expect(json).toMatchObject({
        status: 200,
        detail: 'done',
        imagebuilder_status: 'done',
        request_hash: hash,
      });
    }
    expect(replies[1]?.json.enqueued_at).toMatch(POSTED_AT);
    expect(done.json.enqueued_at).toMatch(POLLED_AT);
  });
});

describe('failed', () => {
  const failures = new Map<string, WireReply>();

  test.each<[stage: string, request: object, detail: string]>([
    [
      'packages that exclude each other',
      { ...X86, packages: ['wpad-mbedtls', 'wpad-mesh-mbedtls'] },
      'Error: Impossible package selection: conflicts (wpad-mbedtls, wpad-mesh-mbedtls)',
    ],
    [
      'a dependency that is missing',
      { ...X86, packages: ['dangling'] },
      'Error: Impossible package selection: missing (no-such-library)',
    ],
    [
      'a version that is not to be had',
      { ...X86, packages_versions: { vim: '0.0.1' } },
      'Error: Impossible package selection: vim version not as requested: 0.0.1 vs. 9.1.1043-r2',
    ],
    [
      'a package that another one stands for',
      { ...X86, packages_versions: { nftables: '1.1.1-r1' } },
      'Error: Impossible package selection: nftables not in manifest',
    ],
    [
      'an image that does not fit',
      { ...ARCHER, packages: ['knob-too-big'] },
      'Error: Selected packages exceed device storage',
    ],
    [
      'whatever else make fails of',
      { ...X86, packages: ['knob-fail'] },
      'Error: Error while building firmware. See stdout/stderr',
    ],
  ])('%s', async (what, request, detail) => {
    const reply = await build(wire, request);
    failures.set(what, reply);
    expect(reply.status).toBe(500);
    expect(reply.json).toMatchObject({ status: 500, detail, imagebuilder_status: 'failed' });
    expect(reply.header('x-imagebuilder-status')).toBe('failed');
    expect(reply.header('x-queue-position')).toBe('0');
  });

  test('owut, auc and LuCI show `stdout` and `stderr`: what the ImageBuilder said, and no trace of ours', () => {
    const json = failures.get('whatever else make fails of')?.json ?? {};
    expect(json.stderr).toContain('knob-fail: this build fails because it was asked to');
    expect(json.stdout).toContain('Building images');
    expect(`${json.stdout}${json.stderr}`).not.toMatch(
      /Traceback|\n\s+at .*\(.*:\d+:\d+\)|node:internal|\.ts:\d+/,
    );
  });

  test('the rest of the body is there as well', () => {
    expect(failures.size).toBe(6);
    for (const { json } of failures.values()) {
      expect(json.enqueued_at).toMatch(POLLED_AT);
      expect(json.request_hash).toMatch(/^[0-9a-f]{64}$/);
      expect(Object.keys(json.request as object).sort()).toEqual(REQUEST_KEYS);
      expect(json.stderr).toEqual(expect.any(String));
      expect(json.stdout).toEqual(expect.any(String));
    }
  });
});
