import { afterAll, afterEach, beforeAll, test, vi } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { connectNats } from '../../shared/nats-connection.ts';
import { eventually } from '../support/eventually.ts';
import { startNats, type TestNats } from '../support/servers/start-nats.ts';

let server: TestNats;

beforeAll(async () => {
  server = await startNats();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

afterEach(() => {
  vi.restoreAllMocks();
});

test('a connection comes back although the time of day was set back by an hour meanwhile', async () => {
  const connection = await connectNats({
    url: server.url,
    name: 'test',
    inboxPrefix: '_INBOX_test',
    clock: systemClock,
  });
  try {
    const now = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    await server.crash();
    await eventually(async () => await connection.flush(), 10_000);
  } finally {
    await connection.close();
  }
});
