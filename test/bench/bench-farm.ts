import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RawSettings } from '../../shared/env.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { startNats } from '../support/servers/start-nats.ts';
import { startRedis } from '../support/servers/start-redis.ts';
import { serveUpstream, type UpstreamServer } from '../support/upstream/serve-upstream.ts';
import { type LargeCatalogOptions, writeLargeCatalog } from '../support/upstream/write-large-catalog.ts';
import { type BenchProcess, startProcess } from './child-process.ts';
import type { CoordinatorFacts } from './coordinator-process.ts';

/** One coordinator, a process of its own, on its own servers and a mirror of real size; no agents. */
export interface BenchFarm extends AsyncDisposable {
  readonly url: string;
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly artifactsFolder: string;
  readonly upstream: UpstreamServer;
  readonly coordinator: BenchProcess;
  /** Asks the coordinator's process again. */
  facts(): Promise<CoordinatorFacts>;
}

export async function startBenchFarm(
  catalog: LargeCatalogOptions,
  settings: RawSettings = {},
  execArgv: readonly string[] = [],
): Promise<BenchFarm> {
  const opened = new Disposers();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-bench-'));
    opened.add('folder', () => rm(folder, { recursive: true, force: true }));
    const artifactsFolder = join(folder, 'artifacts');
    const nats = opened.use('nats', await startNats());
    const redis = opened.use('redis', await startRedis());
    const tree = join(tmpdir(), `wrtfarm-large-catalog-${catalog.releases ?? 'all'}`);
    await writeLargeCatalog(tree, catalog);
    const upstream = opened.use('upstream', await serveUpstream(tree));
    const coordinator = opened.use('coordinator', startProcess('coordinator-process.js', execArgv));
    const facts = await coordinator.ask<CoordinatorFacts>({
      httpPort: '0',
      grpcPort: '0',
      nats: nats.url,
      redis: redis.url,
      farmKey: randomBytes(32).toString('hex'),
      artifacts: artifactsFolder,
      upstream: upstream.url,
      logLevel: 'warn',
      ...settings,
    });
    return {
      url: facts.url,
      natsUrl: nats.url,
      redisUrl: redis.url,
      artifactsFolder,
      upstream,
      coordinator,
      facts: () => coordinator.ask<CoordinatorFacts>({}),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}
