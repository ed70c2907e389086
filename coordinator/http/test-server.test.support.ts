import { Readable } from 'node:stream';
import { sha256Hex } from '../../shared/digest.ts';
import { silentLog } from '../../shared/log.ts';
import type { StoredFile } from '../artifacts/artifact-store.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import { shippedOpenWrt } from '../catalog/branches.ts';
import type { BuildRequest } from '../catalog/build-request.ts';
import type { HttpDependencies } from './dependencies.ts';
import { sampleRecord } from './sample-record.test.support.ts';
import { startHttpServer } from './server.ts';

/** The one build there is. */
export const HASH = 'f'.repeat(64);
/** Its folder, holding `image.bin` with `BYTES`. */
export const BIN_DIR = 'b'.repeat(64);
export const BYTES = Buffer.from('0123456789');
export const BODY = { version: '24.10.4', target: 'ath79/generic', profile: 'generic', packages: ['vim'] };

/** A server with fakes behind it that do as told. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly deps: HttpDependencies;
  /** What the fakes answer; tests change it. */
  readonly world: {
    record: BuildRecord;
    submitError: unknown;
    resolveError: unknown;
    queuedError: unknown;
    ready: boolean;
    readonly distros: string[];
    read: (bytes: Buffer) => Readable;
    openStreams: number;
  };
  /** Whom the submitted requests came from. */
  readonly owners: string[];
  /** Requests that reached resolving. */
  readonly asked: BuildRequest[];
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
}

export async function startTestServer(): Promise<TestServer> {
  const world: TestServer['world'] = {
    record: sampleRecord(),
    submitError: undefined,
    resolveError: undefined,
    queuedError: undefined,
    ready: true,
    distros: ['openwrt'],
    read: (bytes) => Readable.from([bytes]),
    openStreams: 0,
  };
  const asked: BuildRequest[] = [];
  const owners: string[] = [];
  const deps = fakes(world, asked, owners);
  const times = { headersMs: 300, requestMs: 300, keepAliveMs: 5_000 };
  const server = await startHttpServer(deps, { host: '127.0.0.1', port: 0, times, closeMs: 500 });
  return {
    port: server.port,
    url: server.url,
    deps,
    world,
    owners,
    asked,
    post: (body, headers = {}) =>
      fetch(`${server.url}/api/v1/build`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function fakes(world: TestServer['world'], asked: BuildRequest[], owners: string[]): HttpDependencies {
  return {
    log: silentLog,
    resolve: async (request) => {
      asked.push(request);
      if (world.resolveError) throw world.resolveError;
      return { spec: world.record.spec, source: world.record.source, client: request.client };
    },
    builds: {
      submit: async (_resolved, ownerOf) => {
        if (world.submitError) throw world.submitError;
        owners.push(ownerOf().client);
        return world.record;
      },
      get: async (hash) => (hash === HASH ? world.record : undefined),
      queuedCount: async () => {
        if (world.queuedError) throw world.queuedError;
        return 7;
      },
    },
    ownerOf: ({ headers }) => ({ priority: 'device', client: String(headers['x-test-client']), weight: 1 }),
    catalog: fakeCatalog(world),
    lists: {
      latest: async () => JSON_BYTES,
      branchesOf2021: async () => JSON_BYTES,
      branches: async () => JSON_BYTES,
      legacyVersions: async () => VERSIONS_BYTES,
    },
    documents: {
      versionAt: async (folder) => (folder === 'releases/24.10.4' ? '24.10.4' : undefined),
      targetIndex: async () => JSON_BYTES,
      architectureIndex: async () => JSON_BYTES,
      profile: async () => JSON_BYTES,
      profileOf2021: async () => JSON_BYTES,
    },
    versions: {
      targetOf: async (_version, profile) => (profile === 'generic' ? 'ath79/generic' : undefined),
      profiles: async () => JSON_BYTES,
      names: async () => JSON_BYTES,
      packages: async () => JSON_BYTES,
    },
    stats: {
      buildsOfLastDay: async () => 5,
      buildsPerDay: async () => ({ labels: ['2026-11-23Z'], datasets: [{ label: 'Requests', data: [3] }] }),
      buildsByVersion: async (branch) => ({
        labels: ['2026-11-23Z'],
        datasets: [{ label: branch ?? 'SNAPSHOT', data: [2] }],
      }),
      topPackages: async (_branch, count) =>
        [
          { name: 'luci', count: 9 },
          { name: '<b>&', count: 1 },
        ].slice(0, count),
      buildErrors: async () => [],
    },
    aliases: fakeAliases(),
    reposts: {
      submit: (builds, resolved, ownerOf) => builds.submit(resolved, ownerOf),
      told: async () => undefined,
    },
    version: '0.1.0',
    files: { find: async (folder, name) => fileAt(world, folder, name) },
    readiness: async () => ({
      ready: world.ready,
      checks: { redis: { ok: world.ready, detail: 'x' }, nats: { ok: true } },
    }),
    metrics: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'wrtfarm_up 1\n' },
    routes: [(app) => app.get('/extra', async () => ({ extra: true }))],
  };
}

const JSON_BYTES = Buffer.from('{"fake":true}');
const VERSIONS_BYTES = Buffer.from(
  JSON.stringify({
    SNAPSHOT: { branch: 'master', path: 'snapshots', pubkey: '' },
    '99.01.0': { branch: 'openwrt-99.01', path: 'releases/99.01.0', pubkey: '' },
    branches: [{ name: 'snapshot', latest: 'snapshot' }],
  }),
);

function fakeAliases(): HttpDependencies['aliases'] {
  const folders = new Map<string, string>();
  return {
    remember: async (alias, binDir) => {
      const standing = folders.get(alias) ?? binDir;
      folders.set(alias, standing);
      return standing === binDir;
    },
    find: async (alias) => folders.get(alias),
  };
}

function fakeCatalog({ distros }: TestServer['world']): HttpDependencies['catalog'] {
  return {
    overview: async () => Buffer.from('{"latest":[]}'),
    distribution: (name) => (distros.includes(name) ? shippedOpenWrt() : undefined),
    hasVersion: async (version) => version === '24.10.4',
    hasTarget: async ({ target }) => target === 'ath79/generic',
    profiles: async () => ({
      target: 'ath79/generic',
      architecture: 'mips_24kc',
      versionCode: 'r28959-29397011cc',
      kernel: undefined,
      defaultPackages: [],
      profiles: new Map([
        ['generic', []],
        ['other', []],
      ]),
      aliases: new Map([
        ['generic', 'generic'],
        ['other', 'other'],
      ]),
    }),
  };
}

function fileAt(world: TestServer['world'], folder: string, name: string): StoredFile | undefined {
  if ((folder !== BIN_DIR && folder !== HASH) || name !== 'image.bin') return undefined;
  return {
    name,
    binDir: BIN_DIR,
    sha256: sha256Hex(BYTES),
    sizeBytes: BYTES.length,
    finishedAt: Date.parse('2026-09-21T14:13:20.500Z'),
    read: (range) => {
      const stream = world.read(range ? BYTES.subarray(range.start, range.end + 1) : BYTES);
      world.openStreams += 1;
      stream.once('close', () => {
        world.openStreams -= 1;
      });
      return stream;
    },
  };
}
