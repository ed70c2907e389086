import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuilderSource } from '../../../shared/domain/builder.ts';
import { Disposers } from '../../../shared/lifecycle.ts';
import { BuildClient, hashOf } from '../../support/client.ts';
import { grantTo } from '../../support/grant.ts';
import { startNats } from '../../support/servers/start-nats.ts';
import { startRedis } from '../../support/servers/start-redis.ts';
import { startMiniUpstream } from '../../support/upstream/start-mini-upstream.ts';
import { WireAgent } from '../../support/wire-agent.ts';
import { X86 } from '../../support/wire-builds.ts';
import { WrittenAttempt } from '../../support/written-attempt.ts';
import { startProcess } from '../child-process.ts';
import type { CoordinatorFacts } from '../coordinator-process.ts';

/** Two coordinators, processes of their own, and attempts of which each has the agent's own log and stream. */
export interface LogFarm extends AsyncDisposable {
  /** All use the first coordinator. */
  readonly attempts: readonly WrittenAttempt[];
  /** Base URL of the other coordinator. */
  readonly followUrl: string;
}

export async function openLogFarm(builds: number): Promise<LogFarm> {
  const opened = new Disposers();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-bench-log-'));
    opened.add('folder', () => rm(folder, { recursive: true, force: true }));
    const nats = opened.use('nats', await startNats());
    const redis = opened.use('redis', await startRedis());
    const upstream = opened.use(
      'upstream',
      await startMiniUpstream({ directory: join(folder, 'upstream'), versions: [X86.version] }),
    );
    const settings = {
      ...{ httpPort: '0', grpcPort: '0', logLevel: 'error', farmKey: randomBytes(32).toString('hex') },
      ...{ nats: nats.url, redis: redis.url, upstream: upstream.url, artifacts: join(folder, 'artifacts') },
    };
    const startOne = (): Promise<CoordinatorFacts> =>
      opened.use('coordinator', startProcess('coordinator-process.js')).ask<CoordinatorFacts>(settings);
    const [writes, follows] = [await startOne(), await startOne()];
    const client = new BuildClient(() => writes.url);
    const attempts: WrittenAttempt[] = [];
    let source: BuilderSource | undefined;
    for (let at = 0; at < builds; at += 1) {
      // The size of the file system is what makes each a build of its own.
      hashOf(await client.post({ ...X86, packages: ['vim'], rootfs_size_mb: 100 + at }));
      const agent = opened.use('agent', await WireAgent.start(nats.url, `bench-${at}`));
      const grant = await grantTo(agent, source);
      source = grant.source;
      attempts.push(opened.use('attempt', await WrittenAttempt.open(grant, folder, [writes.grpcAddress])));
    }
    return {
      attempts,
      followUrl: follows.url,
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}
