import { credentials, Server, ServerCredentials, type ServerReadableStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ArtifactStatus } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { PacedReads } from './paced-reads.ts';

type Call = ServerReadableStream<WriteArtifactRequest__Output, ArtifactStatus>;

/** Small enough that http2 holds back none of them. */
const MESSAGES = 30;

let server: Server;
let client: AttemptsClient;
let paced: PacedReads;
let calls: Call[];
/** What a write does with each of its messages. */
let deal: () => Promise<void>;

beforeEach(async () => {
  paced = new PacedReads();
  calls = [];
  deal = async () => undefined;
  server = new Server({ interceptors: [paced.interceptor] });
  const { Attempts } = loadAttemptProtocol().wrtfarm.v1;
  server.addService(Attempts.service, {
    Run: () => undefined,
    WriteArtifact: (call: Call, answer: (error: Error | null, status?: ArtifactStatus) => void) => {
      calls.push(call);
      count(call).then(
        (heldBytes) => answer(null, { heldBytes }),
        (thrown: Error) => answer(thrown),
      );
    },
    QueryArtifact: (_call: unknown, answer: (error: null, status: ArtifactStatus) => void) =>
      answer(null, {}),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  client = new Attempts(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

async function count(call: Call): Promise<number> {
  let bytes = 0;
  for await (const message of paced.messages(call)) {
    bytes += message.data?.length ?? 0;
    await deal();
  }
  return bytes;
}

/** Sends all messages; resolves when they have reached the server, for what follows them on the connection is answered. */
async function sent(): Promise<{ readonly answer: Promise<number | undefined> }> {
  const answer = new Promise<number | undefined>((resolve, reject) => {
    const call = client.WriteArtifact((error, status) =>
      error ? reject(error) : resolve(status?.heldBytes),
    );
    for (let at = 0; at < MESSAGES; at += 1) call.write({ data: Buffer.alloc(10) });
    call.end();
  });
  answer.catch(() => undefined);
  await new Promise((resolve) => client.QueryArtifact({}, resolve));
  return { answer };
}

test('every message comes, and the end after them', async () => {
  const { answer } = await sent();
  expect(await answer).toBe(MESSAGES * 10);
});

test('while a message is dealt with one more is read, and the others when it is their turn', async () => {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const most: number[] = [];
  deal = async () => {
    await held;
    most.push(calls[0]?.readableLength ?? 0);
  };
  const { answer } = await sent();
  expect(calls[0]?.readableLength).toBe(1);
  letGo();
  expect(await answer).toBe(MESSAGES * 10);
  expect(Math.max(...most)).toBe(1);
});

test('a reader that leaves can still say why', async () => {
  deal = async () => {
    throw Object.assign(new Error('enough'), { code: 9 });
  };
  const { answer } = await sent();
  await expect(answer).rejects.toMatchObject({ code: 9, details: 'enough' });
});
