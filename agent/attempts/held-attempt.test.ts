import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { systemClock } from '../../shared/clock.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { type Log, silentLog } from '../../shared/log.ts';
import { SMALL_SOURCE, smallBuilder, smallSpec } from '../build/small-builder.test.support.ts';
import { ArtifactUpload } from '../upload/artifact-upload.ts';
import { CoordinatorPool } from '../upload/coordinator-pool.ts';
import { HeldAttempt } from './held-attempt.ts';

const LEASE = {
  requestHash: 'a'.repeat(64),
  generation: 'b'.repeat(32),
  attempt: 1,
  agentId: 'one',
  token: 'c'.repeat(96),
};

/** Coordinators that keep the stream of an attempt, and take no upload of it: its lease was lost in between. */
async function refusingFarm(said: string[]): Promise<AsyncDisposable & { readonly address: string }> {
  const server = new Server();
  const service: UntypedServiceImplementation = {
    Run: (call: {
      on(event: string, listener: (report?: { report?: string }) => void): void;
      write(order: object): void;
      end(): void;
    }) => {
      call.on('data', (report) => {
        said.push(report?.report ?? '');
        if (report?.report === 'open') call.write({ opened: { nextLogSequence: 0 } });
        if (report?.report === 'log') call.write({ logAck: { nextSequence: 1_000 } });
        if (report?.report === 'finish') call.write({ finished: {} });
      });
      call.on('end', () => call.end());
    },
    QueryArtifact: (_call: unknown, answer: (error: object) => void) =>
      answer({ code: status.ABORTED, details: 'the lease is not current' }),
    WriteArtifact: (_call: unknown, answer: (error: object) => void) =>
      answer({ code: status.ABORTED, details: 'the lease is not current' }),
  };
  server.addService(loadAttemptProtocol().wrtfarm.v1.Attempts.service, service);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

/** Keeps what is said at `error`. */
function listeningLog(errors: string[]): Log {
  const silent = (): void => undefined;
  const log: Log = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (_facts, message) => void errors.push(message),
    child: () => log,
  };
  return log;
}

test('an attempt whose upload is refused for its lease is dropped: its farm is told nothing, and it is no failure', async () => {
  await using opened = new Disposers();
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-held-'));
  opened.add('folder', () => rm(folder, { recursive: true, force: true }));
  const said: string[] = [];
  const errors: string[] = [];
  const farm = opened.use('farm', await refusingFarm(said));
  const pool = opened.use('pool', new CoordinatorPool({ fixed: [farm.address] }));
  const attempt = new HeldAttempt(
    { lease: LEASE, leaseMs: 15_000, source: SMALL_SOURCE, spec: smallSpec() },
    {
      builders: {
        acquire: () => ({ builder: smallBuilder(join(folder, 'tree')), [Symbol.dispose]: () => undefined }),
      },
      runBuild: async (_builder, _grant, { onLog }) => {
        onLog('made\n');
        return {
          result: {
            outcome: 'failed',
            output: { stdout: '', stderr: '', buildCommand: [] },
            artifacts: [],
            failure: 'build_error',
            reason: 'no',
          },
          outputDirectory: folder,
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
      uploads: new ArtifactUpload({ pool, clock: systemClock, log: silentLog }),
      pool,
      clock: systemClock,
      log: listeningLog(errors),
      logDirectory: join(folder, 'logs'),
    },
  );
  await attempt.run();
  expect(said).toContain('open');
  expect(said).not.toContain('finish');
  expect(errors).toEqual([]);
});
