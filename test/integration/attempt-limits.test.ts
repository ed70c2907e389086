import { once } from 'node:events';
import { type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ArtifactUpload } from '../../coordinator/rpc/artifact-upload.ts';
import { type GrpcServer, startGrpcServer } from '../../coordinator/rpc/grpc-server.ts';
import type { AttemptOrder__Output } from '../../proto/generated/wrtfarm/v1/AttemptOrder.ts';
import type { AttemptReport } from '../../proto/generated/wrtfarm/v1/AttemptReport.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { systemClock } from '../../shared/clock.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { type Log, silentLog } from '../../shared/log.ts';
import { BuildFarm } from '../support/build-farm.ts';

type Stream = ClientDuplexStream<AttemptReport, AttemptOrder__Output>;

/** What a coordinator bears of one agent. */
const MAX_STREAMS = 1_100;
const MAX_CONNECTIONS = 16;
/** More than http2 has on its way to an agent that reads nothing, and a coordinator keeps beyond. */
const MANY_REPORTS = 20_000;

let farm: BuildFarm;
let server: GrpcServer;
/** Why streams broke, as the coordinator saw it. */
let broken: string[];
const clients: AttemptsClient[] = [];

beforeEach(async () => {
  broken = [];
  farm = await BuildFarm.start();
  const { farmKey, artifacts: staged, builds } = farm;
  const { attempts, ends, watch } = builds;
  server = await startGrpcServer(
    {
      stream: { attempts, ends, watch, farmKey, log: listening(), onStage: () => undefined },
      upload: new ArtifactUpload({
        attempts,
        staged,
        farmKey,
        clock: systemClock,
        log: silentLog,
        onFailure: () => undefined,
      }),
    },
    {
      host: '127.0.0.1',
      port: 0,
      maxConnections: MAX_CONNECTIONS,
      maxStreams: 2 * MAX_STREAMS,
    },
  );
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server[Symbol.asyncDispose]();
  await farm[Symbol.asyncDispose]();
});

function listening(): Log {
  const pass = (): void => undefined;
  const log: Log = {
    debug: (facts) => broken.push('reason' in facts ? String(facts.reason) : ''),
    ...{ info: pass, warn: pass, error: pass },
    child: () => log,
  };
  return log;
}

/** A connection of its own: there may be no more than 128 calls on each. */
function connect(): AttemptsClient {
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  const own = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new Attempts(`127.0.0.1:${server.port}`, credentials.createInsecure(), own);
  clients.push(client);
  return client;
}

async function leaseOf(agentId: string): Promise<Lease> {
  await farm.submit();
  const lease = await farm.claim(agentId);
  if (!lease) throw new Error('there is a build to claim');
  return lease;
}

/** Opens a stream of an attempt. Resolves with `opened`, or the code it is refused with. */
async function open(client: AttemptsClient, lease: Lease, opened: Stream[] = []): Promise<unknown> {
  const call: Stream = client.Run();
  const answered = new Promise((resolve) => {
    call.on('data', ({ order }: AttemptOrder__Output) => resolve(order));
    call.on('error', ({ code }: ServiceError) => resolve(code));
  });
  call.write({ open: lease });
  opened.push(call);
  return await answered;
}

test('an agent that does not read its orders is cut off and told why', async () => {
  const call: Stream = connect().Run();
  const failed = once(call, 'error') as Promise<[ServiceError]>;
  call.write({ open: await leaseOf('agent-1') });
  // @grpc/grpc-js takes all there is until it was read from once.
  await once(call, 'data');
  call.pause();
  for (let at = 0; at < MANY_REPORTS; at += 1) call.write({ log: { sequence: 0, data: Buffer.from('x') } });
  await expect.poll(() => broken).toEqual([expect.stringContaining('does not read')]);
  call.resume();
  expect((await failed)[0].code).toBe(status.RESOURCE_EXHAUSTED);
});

test('an agent with 1,100 attempt streams gets no more, others do, and so does it when one has ended', async () => {
  const lease = await leaseOf('agent-1');
  const connections = Array.from({ length: 9 }, connect);
  const [first = connect()] = connections;
  const streams: Stream[] = [];
  const answers = await Promise.all(
    Array.from({ length: MAX_STREAMS }, (_each, at) => open(connections[at % 9] ?? first, lease, streams)),
  );
  expect(new Set(answers)).toEqual(new Set(['opened']));
  expect(await open(first, lease)).toBe(status.RESOURCE_EXHAUSTED);
  expect(await open(first, await leaseOf('agent-2'))).toBe('opened');
  streams[0]?.cancel();
  await expect.poll(() => open(first, lease)).toBe('opened');
});

test('a connection too many is closed at once, and served when another one has ended', async () => {
  const lease = await leaseOf('agent-1');
  const connected = Array.from({ length: MAX_CONNECTIONS }, connect);
  const streams: Stream[] = [];
  const answers = await Promise.all(connected.map((client) => open(client, lease, streams)));
  expect(new Set(answers)).toEqual(new Set(['opened']));
  const late = connect();
  expect(await open(late, lease)).toBe(status.UNAVAILABLE);
  streams[0]?.cancel();
  connected[0]?.close();
  await expect.poll(() => open(late, lease)).toBe('opened');
});
