import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAgent } from '../../agent/app.ts';
import { parseAgentConfig } from '../../agent/config.ts';
import { type BuilderSource, builderToken, findArchive } from '../../shared/domain/builder.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { silentLog } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { pullSubject } from '../../shared/messages/subjects.ts';
import { startNats, type TestNats } from '../support/servers/start-nats.ts';
import { type MiniUpstream, startMiniUpstream } from '../support/upstream/start-mini-upstream.ts';

/* A real agent that is answered by hand, as coordinators of other versions would. */

const X86 = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
const FOLDER = { versionPath: 'releases/24.10.4' };

const opened = new Disposers();
let folder: string;
let nats: TestNats;
let upstream: MiniUpstream;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wrtfarm-obeys-'));
  opened.add('folder', () => rm(folder, { recursive: true, force: true }));
  nats = opened.use('nats', await startNats());
  const options = { directory: join(folder, 'upstream'), versions: ['24.10.4'], targets: ['x86/64'] };
  upstream = opened.use('upstream', await startMiniUpstream(options));
});

afterAll(() => opened[Symbol.asyncDispose]());

async function sourceOfX86(): Promise<BuilderSource> {
  const sums = await fetch(`${upstream.url}/${FOLDER.versionPath}/targets/${X86.target}/sha256sums`);
  const { digest = '' } = findArchive(await sums.text(), X86) ?? {};
  return { ...X86, ...FOLDER, digest };
}

/** Its first pull is answered so, all others wait. @returns the first pull that is what is wanted. */
async function answered(
  id: string,
  answer: Readonly<Record<string, unknown>>,
  isWanted: (pull: Pull) => boolean,
): Promise<Pull> {
  const config = parseAgentConfig({
    id,
    nats: nats.url,
    data: join(folder, id),
    upstream: upstream.url,
    upstreamKey: [upstream.publicKeyPath],
    diskReserve: '64M',
  });
  const connection = await connect({ servers: nats.url });
  const pulls = connection.subscribe(pullSubject(id));
  const agent = await startAgent(config, { log: silentLog });
  try {
    for await (const message of pulls) {
      const pull = message.json<Pull>();
      if (pull.sequence === 1) message.respond(JSON.stringify(answer));
      if (isWanted(pull)) return pull;
    }
    throw new Error('the connection was closed');
  } finally {
    await agent[Symbol.asyncDispose]();
    await connection.close();
  }
}

test.each([
  ['older, which names nothing that may be removed', {}, {}],
  [
    'newer, which says what no agent knows yet',
    { evictable: [], pause: { untilMs: 1e9 }, tips: ['drink water'] },
    { mirrors: ['https://mirror.example'], sizeBytes: 1e9 },
  ],
])('a coordinator that is %s is obeyed', async (what, more, ofSource) => {
  const source = await sourceOfX86();
  const id = what.slice(0, 5);
  const basic = { version: 1, cancel: [], drain: false, nextPullMs: 0, coordinators: [] };
  const answer = { ...basic, warm: { ...source, ...ofSource }, ...more };
  const pull = await answered(id, answer, ({ warm }) => warm.length > 0);
  expect(pull.warm).toMatchObject([{ builder: builderToken(source), digest: source.digest }]);
  expect(pull.warmFailures).toEqual([]);
});
