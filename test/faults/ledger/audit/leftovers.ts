import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connect } from 'nats';
import { ACCEPTED_STREAM, JOBS_STREAM } from '../../../../shared/messages/subjects.ts';
import { descendants } from '../../../support/processes.ts';
import type { LedgerFarm } from '../farm.ts';
import type { Finding } from './finding.ts';

const PREFIX = 'wrtfarm:';
/** Sorted sets that hold builds and attempts on their way. */
const WAYS = ['leases', 'waiting-order', 'queued', 'delayed', 'unpublished', 'unpurged', 'publishing'];
/** Prefixes of keys that live no longer than a build or an attempt. */
const SHORT_LIVED = [
  'attempt:',
  'agent-attempts:',
  'waiting:',
  'waiting-sets',
  'client-waiting',
  'client-tags',
];

export interface Patience {
  /** How long to look until all is gone, milliseconds. */
  readonly patienceMs: number;
  /** The keeper's sweep of uploads that nobody owns is not waited for. */
  readonly isUnswept?: boolean;
}

/** Looks until nothing is left of any build. */
export async function auditLeftovers(
  farm: LedgerFarm,
  { patienceMs, isUnswept = false }: Patience,
): Promise<Finding> {
  const began = Date.now();
  for (;;) {
    const uploads = await farm.results.uploads();
    const problems = [
      ...(await redisLeftovers(farm)),
      ...(await jetstreamLeftovers(farm)),
      ...(await fileLeftovers(farm)),
      ...(isUnswept ? [] : uploads),
      ...processLeftovers(farm),
    ];
    const tookMs = Date.now() - began;
    if (problems.length === 0 || tookMs > patienceMs) {
      const notes = [
        ...(tookMs > 5_000 ? [`all was cleared up only after ${Math.round(tookMs / 1000)} s`] : []),
        ...(isUnswept ? uploads.map((upload) => `${upload} waits for the sweep of each minute`) : []),
      ];
      return {
        check: 'no lease, message, temporary file or process is left',
        looked: 1,
        problems,
        notes: problems.length === 0 ? notes : [],
      };
    }
    await sleep(500);
  }
}

async function redisLeftovers(farm: LedgerFarm): Promise<string[]> {
  const redis = new Redis(farm.redisUrl);
  try {
    const left: string[] = [];
    for (const name of WAYS) {
      const count = await redis.zcard(PREFIX + name);
      if (count > 0)
        left.push(`Redis: ${count} in ${name}: ${(await redis.zrange(PREFIX + name, '0', '2')).join(', ')}`);
    }
    for (const key of await redis.keys(`${PREFIX}*`)) {
      const name = key.slice(PREFIX.length);
      if (SHORT_LIVED.some((prefix) => name.startsWith(prefix))) left.push(`Redis: ${name}`);
      if (name.startsWith('log:') && (await redis.ttl(key)) < 0) left.push(`Redis: ${name} for ever`);
      if (!name.startsWith('build:')) continue;
      const state = await redis.hget(key, 'state');
      if (!['done', 'failed', 'cancelled'].includes(state ?? '')) left.push(`Redis: ${name} is ${state}`);
    }
    return left;
  } finally {
    redis.disconnect();
  }
}

async function jetstreamLeftovers(farm: LedgerFarm): Promise<string[]> {
  const { host, username, password } = new URL(farm.natsUrl);
  const connection = await connect({
    servers: host,
    user: username,
    pass: password,
    inboxPrefix: '_INBOX_coordinator',
  });
  try {
    const manager = await connection.jetstreamManager();
    const left: string[] = [];
    for (const stream of [JOBS_STREAM, ACCEPTED_STREAM]) {
      const { state } = await manager.streams.info(stream, { subjects_filter: '>' });
      if (state.messages === 0) continue;
      const subjects = Object.keys(state.subjects ?? {}).slice(0, 3);
      left.push(`JetStream: ${state.messages} messages in ${stream}: ${subjects.join(', ')}`);
    }
    return left;
  } finally {
    await connection.close();
  }
}

async function fileLeftovers(farm: LedgerFarm): Promise<string[]> {
  const left: string[] = [];
  const expectEmpty = async (folder: string, but: readonly string[] = []): Promise<void> => {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!but.includes(name)) left.push(`file: ${join(folder, name).slice(farm.folder.length + 1)}`);
    }
  };
  await expectEmpty(join(farm.folder, 'tmp'));
  for (const { data } of farm.agents) {
    await expectEmpty(join(data, 'attempts'), ['etc']);
    await expectEmpty(join(data, 'logs'));
  }
  return [...left, ...(await farm.results.halfWritten())];
}

function processLeftovers(farm: LedgerFarm): string[] {
  return farm.agents
    .flatMap(({ process }) => descendants(process.pid))
    .map(({ pid, command }) => `process ${pid}: ${command.slice(0, 120)}`);
}
