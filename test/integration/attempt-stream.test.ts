import { once } from 'node:events';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AttemptReport } from '../../proto/generated/wrtfarm/v1/AttemptReport.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

const FORGED = {
  requestHash: 'a'.repeat(64),
  generation: '1'.repeat(32),
  attempt: 1,
  agentId: 'agent-1',
  token: 'f'.repeat(96),
};

let farm: TestFarm;
let client: AttemptsClient;

beforeAll(async () => {
  farm = await startFarm({ agents: 0 });
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  client = new Attempts(farm.coordinators[0]?.grpcAddress ?? '', credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await farm[Symbol.asyncDispose]();
});

test.each<[what: string, code: number, report: AttemptReport]>([
  ['a lease that this farm did not make', status.ABORTED, { open: FORGED }],
  ['a lease that is none', status.INVALID_ARGUMENT, { open: { ...FORGED, token: 'x' } }],
  ['a sign of life before anything else', status.FAILED_PRECONDITION, { beat: {} }],
])('%s is refused, and the agent is told', async (_what, code, report) => {
  const call = client.Run();
  call.resume();
  call.write(report);
  const [error] = (await once(call, 'error')) as [ServiceError];
  expect(error.code).toBe(code);
});

test('a stream that says nothing is ended', async () => {
  const call = client.Run();
  call.resume();
  const [error] = (await once(call, 'error')) as [ServiceError];
  expect([error.code, error.details]).toEqual([
    status.UNAVAILABLE,
    expect.stringContaining('nothing was reported'),
  ]);
});
