import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { natsConfig } from './nats-config.ts';
import { FarmPorts } from './ports.ts';
import { waitForNats } from './probe.ts';
import { natsUrl } from './servers.ts';

const users = {
  coordinator: { user: 'coordinator', password: 'c-secret' },
  agent: { user: 'agent', password: 'a-secret' },
};
let directory: string;
let port: number;
let server: ReturnType<typeof spawn>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wrtfarm nats "'));
  port = await FarmPorts.open(directory).take('nats');
  const config = join(directory, 'nats.conf');
  await writeFile(config, natsConfig({ port, storeDirectory: directory, users }));
  server = spawn('nats-server', ['--config', config], { stdio: 'ignore' });
  await waitForNats(natsUrl(users.coordinator, port), AbortSignal.timeout(15_000));
});

afterAll(async () => {
  const exited = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await exited;
  await rm(directory, { recursive: true, force: true });
});

async function asAgent(): Promise<NatsConnection> {
  return await connect({
    servers: `127.0.0.1:${port}`,
    user: users.agent.user,
    pass: users.agent.password,
    inboxPrefix: '_INBOX_a1',
    reconnect: false,
  });
}

async function refusalOf(act: (connection: NatsConnection) => void): Promise<string> {
  const connection = await asAgent();
  try {
    const refusal = (async () => {
      for await (const status of connection.status()) if (status.type === 'error') return `${status.data}`;
      return 'none';
    })();
    act(connection);
    await connection.flush();
    return await Promise.race([refusal, connection.flush().then(() => 'none')]);
  } finally {
    await connection.close();
  }
}

async function asCoordinator(): Promise<NatsConnection> {
  return await connect({
    servers: `127.0.0.1:${port}`,
    user: users.coordinator.user,
    pass: users.coordinator.password,
    inboxPrefix: '_INBOX_coordinator',
  });
}

test('an agent may pull and hear the answer', async () => {
  const coordinator = await asCoordinator();
  coordinator.subscribe('agent.*.pull', { callback: (_, message) => void message.respond('answer') });
  await coordinator.flush();
  const agent = await asAgent();
  const answer = await agent.request('agent.a1.pull', 'state', { timeout: 5_000 });
  expect(answer.string()).toBe('answer');
  await agent.close();
  await coordinator.close();
});

test.each(['jobs.open.x', 'accepted.x', 'wake.agent.a2', '_INBOX_a2.x', '$JS.API.INFO', 'agent.a1.other'])(
  'an agent may not publish on %s',
  async (subject) => {
    expect(await refusalOf((agent) => agent.publish(subject, 'x'))).toContain('PERMISSIONS_VIOLATION');
  },
);

test.each(['jobs.>', 'agent.*.pull', '_INBOX.>', '_INBOX_coordinator.>', '$JS.EVENT.>', '$SYS.>'])(
  'an agent may not hear %s',
  async (subject) => {
    const heard: string[] = [];
    const refusal = await refusalOf((agent) => {
      agent.subscribe(subject, {
        callback: (error, message) => heard.push(error ? error.message : message.subject),
      });
    });
    expect(`${refusal} ${heard.join(' ')}`.toUpperCase()).toContain('PERMISSIONS');
  },
);

test('an agent that listens to everything hears nothing of what coordinators say among themselves', async () => {
  const coordinator = await asCoordinator();
  const agent = await asAgent();
  const last = '_INBOX_a1.last';
  const heard: string[] = [];
  const done = new Promise<void>((resolve) => {
    agent.subscribe('>', {
      callback: (_, message) => {
        heard.push(message.subject);
        if (message.subject === last) resolve();
      },
    });
  });
  await agent.flush();
  for (const subject of ['jobs.open.x', 'accepted.x', 'wake.agent.a1', 'watch.x', 'agent.a2.pull', last]) {
    coordinator.publish(subject, 'x');
  }
  await done;
  expect(heard).toEqual([last]);
  await agent.close();
  await coordinator.close();
});
