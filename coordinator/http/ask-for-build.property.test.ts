import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { silentLog } from '../../shared/log.ts';
import { type Catalog, createCatalog } from '../catalog/catalog.ts';
import { RequestResolver } from '../catalog/request-resolver.ts';
import { startTinyUpstream, type TinyUpstream } from '../catalog/tiny-upstream.test.support.ts';
import { anyBuildBody } from './any-build-body.test.support.ts';
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
      fc.asyncProperty(anyBuildBody(), async (text) => {
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
