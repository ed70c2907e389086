import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { type SlowProxy, type SlowProxyOptions, startSlowProxy } from './slow-proxy.ts';

const WORDS = Buffer.from('there and back again');

/** Sends back what it gets. */
let server: Server;
let accepted: Socket[];
let proxy: SlowProxy | undefined;

beforeEach(async () => {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await proxy?.[Symbol.asyncDispose]();
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function open(options: Omit<SlowProxyOptions, 'target'> = {}): Promise<[SlowProxy, Socket]> {
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy = await startSlowProxy({ target, ...options });
  return [proxy, await dial(proxy)];
}

async function dial({ address }: SlowProxy): Promise<Socket> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test.each<[string, number, Omit<SlowProxyOptions, 'target'>]>([
  ['far away', 10, { delayMs: 5 }],
  ['narrow', 30, { bytesPerSecond: 10_000_000 }],
  ['far away and narrow', 40, { delayMs: 5, bytesPerSecond: 10_000_000 }],
])(
  'bytes and the end of a stream come through a line that is %s, and not before %i ms',
  async (_what, leastMs, options) => {
    const [through, socket] = await open(options);
    const bytes = Buffer.alloc(300_000, WORDS);
    const began = performance.now();
    socket.end(bytes);
    expect((await buffer(socket)).equals(bytes)).toBe(true);
    expect(performance.now() - began).toBeGreaterThanOrEqual(leastMs);
    expect([through.passedBytes('there'), through.passedBytes('back')]).toEqual([bytes.length, bytes.length]);
  },
);

test('what is sent while a direction is frozen arrives when it is healed', async () => {
  const [through, socket] = await open();
  through.freeze('back');
  socket.write(WORDS);
  await eventually(() => through.passedBytes('there') === WORDS.length);
  const echoed = once(socket, 'data');
  expect(through.passedBytes('back')).toBe(0);
  through.heal();
  expect((await echoed)[0]).toEqual(WORDS);
});

test('a connection that is made while the line is frozen is silent until it is healed', async () => {
  const [through] = await open();
  through.freeze();
  const late = await dial(through);
  late.end(WORDS);
  await eventually(() => accepted.length === 2);
  expect(through.passedBytes('there')).toBe(0);
  through.heal();
  expect(await buffer(late)).toEqual(WORDS);
});

test('a cut resets both ends and what comes after it, until it is healed', async () => {
  const [through, socket] = await open();
  await eventually(() => accepted.length === 1);
  const ends = Promise.all([
    once(socket, 'error'),
    new Promise((resolve) => accepted[0]?.on('close', resolve)),
  ]);
  through.cut();
  expect((await ends)[0]).toMatchObject([{ code: 'ECONNRESET' }]);
  const [reset] = await once(connect(Number(through.address.split(':')[1]), '127.0.0.1'), 'error');
  expect(reset).toMatchObject({ code: 'ECONNRESET' });
  through.heal();
  const again = await dial(through);
  again.end(WORDS);
  expect(await buffer(again)).toEqual(WORDS);
});
