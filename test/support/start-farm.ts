import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningAgent, startAgent } from '../../agent/app.ts';
import { parseAgentConfig } from '../../agent/config.ts';
import { type RunningCoordinator, startCoordinator } from '../../coordinator/app.ts';
import { parseCoordinatorConfig } from '../../coordinator/config.ts';
import type { RawSettings } from '../../shared/env.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { createLog } from '../../shared/log.ts';
import { startNats, type TestNats } from './servers/start-nats.ts';
import { startRedis, type TestRedis } from './servers/start-redis.ts';
import { type MiniUpstream, startMiniUpstream } from './upstream/start-mini-upstream.ts';
import type { WriteUpstreamOptions } from './upstream/write-upstream.ts';

export interface FarmOptions {
  /** Default 1. */
  readonly coordinators?: number;
  /** Default 1, named agent-1 and on. */
  readonly agents?: number;
  /** Of all coordinators, or of each by its index. */
  readonly coordinator?: RawSettings | ((index: number) => RawSettings);
  readonly agent?: RawSettings;
  /** Default: all versions and targets of the miniature. */
  readonly upstream?: Pick<WriteUpstreamOptions, 'versions' | 'targets' | 'imageBuilder'>;
}

/** A whole farm in this process, on real servers and the miniature upstream. */
export interface TestFarm extends AsyncDisposable {
  readonly nats: TestNats;
  readonly redis: TestRedis;
  readonly upstream: MiniUpstream;
  /** Folder of the artifact store. */
  readonly artifacts: string;
  readonly coordinators: readonly RunningCoordinator[];
  /** Base URL of the first coordinator. */
  readonly url: string;
  startAgent(id: string, settings?: RawSettings): Promise<RunningAgent>;
}

export async function startFarm(options: FarmOptions = {}): Promise<TestFarm> {
  const opened = new Disposers();
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-test-'));
  opened.add('folder', () => rm(folder, { recursive: true, force: true }));
  const nats = opened.use('nats', await startNats());
  const redis = opened.use('redis', await startRedis());
  const upstream = opened.use(
    'upstream',
    await startMiniUpstream({ directory: join(folder, 'upstream'), ...options.upstream }),
  );
  const log = createLog('farm', process.env.TEST_LOG ? 'debug' : 'silent');
  const farmKey = randomBytes(32).toString('hex');
  const coordinators: RunningCoordinator[] = [];
  for (let index = 0; index < (options.coordinators ?? 1); index += 1) {
    const config = parseCoordinatorConfig({
      httpPort: '0',
      grpcPort: '0',
      nats: nats.url,
      redis: redis.url,
      farmKey,
      artifacts: join(folder, 'artifacts'),
      upstream: upstream.url,
      leaseMs: '3000',
      ...(typeof options.coordinator === 'function' ? options.coordinator(index) : options.coordinator),
    });
    coordinators.push(opened.use(`coordinator ${index + 1}`, await startCoordinator(config, { log })));
  }
  const farm: TestFarm = {
    nats,
    redis,
    upstream,
    artifacts: join(folder, 'artifacts'),
    coordinators,
    url: coordinators[0]?.httpUrl ?? '',
    startAgent: async (id, settings = {}) => {
      const config = parseAgentConfig({
        id,
        nats: nats.url,
        data: join(folder, id),
        upstream: upstream.url,
        upstreamKey: [upstream.publicKeyPath],
        drainMs: '2000',
        diskReserve: '64M',
        ...options.agent,
        ...settings,
      });
      return opened.use(id, await startAgent(config, { log: log.child({ agent: id }) }));
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
  for (let index = 1; index <= (options.agents ?? 1); index += 1) await farm.startAgent(`agent-${index}`);
  return farm;
}
