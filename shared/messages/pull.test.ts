import { describe, expect, test } from 'vitest';
import { parseAs, parseJsonAs } from '../schema.ts';
import { type Pull, type PullAnswer, PullAnswerSchema, PullSchema } from './pull.ts';

const lease = {
  requestHash: 'a'.repeat(64),
  generation: '1'.repeat(32),
  attempt: 1,
  agentId: 'attic',
  token: '0'.repeat(96),
};
const pinned = { builder: 'openwrt=24_10_4=x86=64', digest: 'd'.repeat(64) };
const source = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: 'd'.repeat(64),
};

const pull: Pull = {
  version: 1,
  agentId: 'attic',
  session: '5'.repeat(32),
  sequence: 1,
  software: '0.1.0',
  slots: 2,
  attempts: [lease],
  warm: [pinned],
  warming: [],
  warmFailures: [{ ...pinned, reason: 'the digest is another one' }],
  loadPerCore: 0.25,
  diskFreeBytes: 1e12,
  draining: false,
};

const answer: PullAnswer = {
  version: 1,
  start: {
    lease,
    leaseMs: 15_000,
    source,
    spec: {
      distro: 'openwrt',
      version: '24.10.4',
      versionCode: '',
      target: 'x86/64',
      profile: 'generic',
      packages: ['vim', '-ppp'],
      packagesVersions: { vim: '9.1~2' },
      diffPackages: true,
      defaults: null,
      rootfsSizeMb: 256,
      filesystem: 'squashfs',
      repositories: {},
      repositoriesMode: 'replace',
      repositoryKeys: [],
    },
  },
  warm: source,
  cancel: [{ requestHash: 'b'.repeat(64), generation: '2'.repeat(32), attempt: 7 }],
  drain: false,
  nextPullMs: 0,
  coordinators: ['127.0.0.1:8081'],
};

describe('a pull', () => {
  test('and its answer survive the wire', () => {
    expect(parseJsonAs(PullSchema, JSON.stringify(pull), 'pull')).toEqual(pull);
    expect(parseJsonAs(PullAnswerSchema, JSON.stringify(answer), 'answer')).toEqual(answer);
  });

  test('of a later program is read without what it has to say beyond', () => {
    expect(parseAs(PullSchema, { ...pull, gpu: true, warm: [{ ...pinned, heat: 9 }] }, 'pull')).toEqual(pull);
    const start = { ...answer.start, hurry: 3, spec: { ...answer.start?.spec, kernel: '6.12' } };
    expect(parseAs(PullAnswerSchema, { ...answer, start, song: 'la' }, 'answer')).toEqual(answer);
  });

  test('may be answered with nothing to do', () => {
    const { start: _, warm: __, ...nothing } = { ...answer, cancel: [] };
    expect(parseAs(PullAnswerSchema, nothing, 'answer')).toEqual(nothing);
  });

  test.each([
    { version: 2 },
    { agentId: 'attic.pull' },
    { agentId: '>' },
    { session: '' },
    { sequence: 0 },
    { slots: -1 },
    { slots: 1.5 },
    { attempts: [{ ...lease, token: 'x' }] },
    { warm: [{ ...pinned, builder: '*' }] },
    { warmFailures: [{ ...pinned, reason: 'x'.repeat(2001) }] },
    { diskFreeBytes: -1 },
    { draining: 'no' },
  ])('with %j is refused', (change) => {
    expect(() => parseAs(PullSchema, { ...pull, ...change }, 'pull')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  test.each([
    { version: 2 },
    { start: { ...answer.start, leaseMs: 0 } },
    { start: { ...answer.start, spec: { ...answer.start?.spec, packages: ['$(reboot)'] } } },
    { warm: { ...source, versionPath: '../etc' } },
    { cancel: undefined },
    { nextPullMs: -1 },
  ])('is not answered with %j', (change) => {
    expect(() => parseAs(PullAnswerSchema, { ...answer, ...change }, 'answer')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});
