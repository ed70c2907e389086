import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HttpServer, startHttpServer } from './server.ts';
import { BIN_DIR, BODY, startTestServer, type TestServer } from './test-server.test.support.ts';

const MIB = 1024 ** 2;
let world: TestServer;
let server: HttpServer;

beforeEach(async () => {
  world = await startTestServer();
  server = await startHttpServer(world.deps, {
    ...{ host: '127.0.0.1', port: 0, closeMs: 500, maxBodiesBytes: 4 * MIB, stalledMs: 200 },
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

function open(text: string): Socket {
  const socket = connect(server.port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined);
  return socket;
}

async function isServed(): Promise<boolean> {
  const reply = await fetch(`${server.url}/api/v1/build`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(BODY),
  });
  return reply.status === 202;
}

test('bodies that are sent and never end are bounded together, and what is refused leaves room', async () => {
  const head = `POST /api/v1/build HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${MIB}\r\n\r\n`;
  const answers: string[] = [];
  const sockets = Array.from({ length: 40 }, () => open(head + ' '.repeat(MIB / 2)));
  const refused = new Set<Socket>();
  for (const socket of sockets) {
    socket.on('data', (data) => answers.push(String(data)));
    // An answer may be lost to a client that goes on sending.
    for (const event of ['data', 'close']) socket.once(event, () => refused.add(socket));
  }
  await expect.poll(() => refused.size).toBe(32);
  expect(new Set(answers.map((answer) => answer.split('\r\n')[0]))).toEqual(
    new Set(['HTTP/1.1 429 Too Many Requests']),
  );
  expect(answers[0]?.toLowerCase()).toContain('retry-after: 5');
  for (const socket of sockets) socket.destroy();
  await expect.poll(isServed).toBe(true);
});

test('a client that takes nothing of a file is cut off, one that takes it is not', async () => {
  const piece = Buffer.alloc(64 * 1024);
  let made = 0;
  world.world.read = () =>
    new Readable({
      read() {
        made += 1;
        this.push(piece);
      },
    });
  const request = `GET /store/${BIN_DIR}/image.bin HTTP/1.1\r\n\r\n`;
  const stuck = open(request);
  stuck.pause();
  await expect.poll(() => world.world.openStreams).toBe(1);
  await expect.poll(() => world.world.openStreams).toBe(0);
  expect(made).toBeGreaterThan(1);
  stuck.destroy();
  const slow = open(request);
  // Over several looks, with a rest after each piece.
  for (const since = performance.now(); performance.now() - since < 1_000; ) {
    await once(slow, 'data');
    slow.pause();
    setImmediate(() => slow.resume());
  }
  expect(world.world.openStreams).toBe(1);
  slow.destroy();
  await expect.poll(() => world.world.openStreams).toBe(0);
});
