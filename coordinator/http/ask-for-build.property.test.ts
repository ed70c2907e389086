import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { FILESYSTEMS } from '../../shared/domain/build-spec.ts';
import { silentLog } from '../../shared/log.ts';
import { type Catalog, createCatalog } from '../catalog/catalog.ts';
import { RequestResolver } from '../catalog/request-resolver.ts';
import { startTinyUpstream, type TinyUpstream } from '../catalog/tiny-upstream.test.support.ts';
import { askForBuild } from './ask-for-build.ts';
import { errorAnswer } from './errors.ts';
import { readJsonBody } from './json-body.ts';
import { sampleRecord } from './sample-record.test.support.ts';

/** What a client may be told: nothing that is not its own fault, as upstream works here. */
const TOLD = [202, 400, 422, 'failed'] as const;
type Told = (typeof TOLD)[number] | number;
const RUNS = 20_000;

describe('any body at all', () => {
  let upstream: TinyUpstream;
  let catalog: Catalog;
  let resolver: RequestResolver;

  beforeAll(async () => {
    upstream = await startTinyUpstream();
    catalog = createCatalog(
      { clock: systemClock, log: silentLog },
      {
        upstream: upstream.url,
        freshMs: 600_000,
        version: '0.1.0',
        contact: '',
        allowDefaults: true,
        repositoryAllowList: ['https://ok.example/'],
        publicUpstream: upstream.url,
      },
    );
    resolver = new RequestResolver(
      { catalog, clock: systemClock, log: silentLog },
      { allowDefaults: true, repositoryAllowList: ['https://ok.example/'] },
    );
  });

  afterAll(async () => {
    await catalog[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  /** What a POST of this text is told, through everything but the socket; `failed` for a build that could only fail. */
  async function told(text: string): Promise<Told> {
    try {
      await askForBuild(
        {
          catalog,
          resolve: (request) => resolver.resolve(request),
          submit: async ({ outdated }) => {
            if (outdated) throw outdated;
            return sampleRecord();
          },
        },
        readJsonBody(Buffer.from(text), 'application/json'),
        'fuzz/1',
      );
      return 202;
    } catch (thrown) {
      const answer = errorAnswer(thrown);
      // Whatever is told has to be JSON, and short.
      expect(JSON.stringify(answer.body).length).toBeLessThan(200_000);
      return answer.body.imagebuilder_status === 'failed' ? 'failed' : answer.status;
    }
  }

  test(`makes nothing fail or crash, ${RUNS} times`, { timeout: 60_000 }, async () => {
    const statuses = new Map<Told, number>();
    await fc.assert(
      fc.asyncProperty(anyBody(), async (text) => {
        const status = await told(text);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(TOLD).toContain(status);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 45_000, markInterruptAsFailure: true },
    );
    // Bodies that are all refused for the same reason would show little.
    for (const status of TOLD) expect(statuses.get(status) ?? 0).toBeGreaterThan(RUNS / 200);
  });
});

/** Texts that are no JSON, JSON of any kind, and requests with some of their fields right. */
function anyBody(): fc.Arbitrary<string> {
  const odd = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom<unknown>(null, '', 0, 1, true, [], {}, '24.10.4', 'x'.repeat(300)),
    },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  );
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('vim', 'tmux', 'luci', 'busybox', '-ppp', '') },
    fc.constantFrom(
      'vim',
      'luci',
      '-ppp',
      '',
      'tmxu',
      'auc',
      'luci-i18n-opkg-de',
      '__proto__',
      'constructor',
    ),
    fc.stringMatching(/^[a-z0-9+_.-]{0,12}$/),
  );
  const oddly = (right: fc.Arbitrary<unknown>, weight = 60): fc.Arbitrary<unknown> =>
    fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: odd });
  const pairs = fc.array(fc.tuple(name, fc.constantFrom('1.0', '1~a-r1', 'a:b')), { maxLength: 4 });
  const request = fc.record(
    {
      distro: oddly(fc.constantFrom('openwrt', 'immortalwrt', 'lede')),
      version: oddly(fc.constantFrom('24.10.4', '25.12.0', '24.10.99', 'SNAPSHOT', '24.10-SNAPSHOT'), 30),
      version_code: oddly(fc.constantFrom('', 'r28959-29397011cc', 'r1-x')),
      target: oddly(fc.constantFrom('ath79/generic', 'x86/64', 'x86/generic', '__proto__/x'), 30),
      profile: oddly(fc.constantFrom('tplink,archer-c7-v5', '8dev_carambola2', 'generic', 'constructor'), 30),
      packages: oddly(fc.array(name, { maxLength: 6 })),
      packages_versions: oddly(pairs.map((entries) => Object.fromEntries(entries))),
      diff_packages: oddly(fc.boolean()),
      defaults: oddly(fc.constantFrom(null, '', 'uci set x')),
      rootfs_size_mb: oddly(fc.constantFrom(null, 1, 1024, 1025, '256', 2.5)),
      filesystem: oddly(fc.constantFrom(null, '', 'initramfs', ...FILESYSTEMS)),
      repositories: oddly(
        fc.constantFrom({}, { a: 'https://ok.example/feed' }, { a: 'https://bad.example/' }),
      ),
      repositories_mode: oddly(fc.constantFrom('append', 'replace')),
      repository_keys: oddly(fc.array(fc.string({ maxLength: 5 }), { maxLength: 2 })),
      client: oddly(fc.constantFrom(null, 'luci/1')),
      unknown: odd,
    },
    { requiredKeys: [] },
  );
  const device = fc.constantFrom(
    { version: '24.10.4', target: 'ath79/generic', profile: 'tplink,archer-c7-v5' },
    { version: '24.10.4', target: 'x86/64', profile: 'innotek_virtualbox' },
    { version: '25.12.0', target: 'x86/64', profile: 'generic' },
  );
  const whole = fc.tuple(request, device).map(([fields, right]) => ({ ...fields, ...right }));
  return fc.oneof(
    { weight: 4, arbitrary: request.map((value) => JSON.stringify(value)) },
    { weight: 4, arbitrary: whole.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  );
}
