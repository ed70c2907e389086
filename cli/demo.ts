import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { FarmError } from '../shared/errors.ts';
import { showBuild, showFailure } from './build.ts';
import type { FinalAnswer } from './client/build-answer.ts';
import { BuildClient, type ImageRequest } from './client/build-client.ts';
import { fetchImages } from './client/fetch-images.ts';
import { followBuild } from './client/follow-build.ts';
import type { Command, CommandContext } from './command.ts';
import { demoRequest } from './demo-request.ts';
import { eventText } from './farm/event-text.ts';
import { type Farm, startFarm } from './farm/farm.ts';
import { MINI, REAL_UPSTREAM } from './farm/upstream.ts';
import { wrtfarmProgram } from './farm/wrtfarm-program.ts';
import { parseFlags } from './flags.ts';
import { showDuration } from './progress.ts';
import { type StopRequests, watchSignals } from './signals.ts';
import type { Terminal } from './terminal.ts';

/** How long the real upstream may take to answer before the miniature is taken, milliseconds. */
const PROBE_MS = 3_000;

const DemoSettingsSchema = Type.Object({
  out: Type.String({
    default: 'wrtfarm-demo',
    placeholder: 'DIR',
    description: 'folder that the image is kept in',
  }),
  upstream: Type.Optional(
    Type.String({
      pattern: `^(https?://\\S+|${MINI})$`,
      placeholder: `URL|${MINI}`,
      description: `OpenWrt mirror, or the miniature that ships with wrtfarm; default: ${REAL_UPSTREAM} when it answers`,
    }),
  ),
});
type DemoSettings = Readonly<Static<typeof DemoSettingsSchema>>;

/** `wrtfarm demo`: a farm, one image, from nothing. */
export const demo: Command = {
  name: 'demo',
  summary: 'see it work: a farm on this machine builds one image',
  about:
    'Starts a whole farm in a temporary folder, has it build an image with a few packages in front of you, downloads and ' +
    'checks the image, asks for it again, and stops the farm. Without network a miniature of OpenWrt is built from.',
  settings: DemoSettingsSchema,
  run: async (input, context) => {
    const settings = parseFlags(DemoSettingsSchema, input.raw);
    using requests = watchSignals();
    const directory = await mkdtemp(join(tmpdir(), 'wrtfarm-demo-'));
    try {
      return await runDemo(settings, directory, context, requests);
    } catch (thrown) {
      if (!requests.stop.aborted) throw thrown;
      throw new FarmError('cancelled', 'stopped');
    } finally {
      await removeFolder(directory);
    }
  },
};

async function runDemo(
  settings: DemoSettings,
  directory: string,
  { terminal, env }: CommandContext,
  requests: StopRequests,
): Promise<number> {
  headline(terminal, 'A farm on this machine');
  const upstream = settings.upstream ?? (await reachableUpstream(terminal, requests.stop));
  terminal.status('  starting NATS, Redis, a coordinator and two agents …');
  const [farm, startMs] = await timed(
    startFarm(
      {
        directory,
        ...{ httpPort: 0, grpcPort: 0, coordinators: 1, agents: 2, slots: 1 },
        ...{ allowDefaults: false, repositoryAllowList: [], apiKeys: [], trustedProxies: [] },
        upstream,
        upstreamKey: [],
        program: wrtfarmProgram(),
        env,
        onEvent: (event) => terminal.note(`  ${eventText(event)}`),
      },
      requests,
    ),
  );
  await using running = farm;
  terminal.status(undefined);
  terminal.line('  NATS, Redis, a coordinator and two agents run; clients ask');
  terminal.line(`  ${running.facts.http}`);
  const code = await buildTwice(running, startMs, resolve(settings.out), terminal, requests.stop);
  terminal.status('stopping the farm …');
  await running[Symbol.asyncDispose]();
  terminal.status(undefined);
  return code;
}

async function buildTwice(
  farm: Farm,
  startMs: number,
  directory: string,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<number> {
  const client = new BuildClient(farm.facts.http);
  const request = await demoRequest(client, farm.facts.upstream, stop);
  headline(terminal, `An image: ${describe(request)}`);
  const [answer, buildMs] = await timed(showBuild(client, request, false, terminal, stop));
  if (answer.kind === 'failed') return failed(answer, terminal);

  headline(terminal, 'Downloaded and checked');
  const options = { directory, all: false };
  const [images, downloadMs] = await timed(fetchImages(client, answer.build, options, terminal, stop));

  headline(terminal, 'The same image again');
  const [again, againMs] = await timed(followBuild(client, request, () => undefined, stop));
  if (again.kind === 'failed') return failed(again, terminal);
  terminal.line(`  answered from memory in ${showDuration(againMs)}`);

  const rows = [
    ['image', images.map(({ path }) => path).join('\n            ')],
    ['packages', `${Object.keys(answer.build.manifest).length}, as its manifest says`],
    ['farm', `ready in ${showDuration(startMs)}`],
    ['build', `${showDuration(buildMs)}, its ImageBuilder fetched and unpacked first`],
    ['download', showDuration(downloadMs)],
    ['again', showDuration(againMs)],
  ];
  headline(terminal, `${terminal.paint('green', '✓')} Done`);
  for (const [name = '', value = ''] of rows) {
    terminal.line(`  ${terminal.paint('dim', name.padEnd(10))}${value}`);
  }
  return 0;
}

function failed(answer: Extract<FinalAnswer, { kind: 'failed' }>, terminal: Terminal): number {
  showFailure(answer, false, terminal);
  return 1;
}

/** What a promise gives, and how long it took, milliseconds. */
async function timed<T>(promise: Promise<T>): Promise<readonly [T, number]> {
  const startedAt = performance.now();
  return [await promise, performance.now() - startedAt];
}

/** The real upstream when it answers soon, otherwise the miniature; told either way. */
async function reachableUpstream(terminal: Terminal, stop: AbortSignal): Promise<string> {
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(PROBE_MS)]);
    const response = await fetch(`${REAL_UPSTREAM}/.versions.json`, { signal });
    await response.body?.cancel();
    if (response.status === 200) {
      terminal.line(`  upstream: ${REAL_UPSTREAM}`);
      return REAL_UPSTREAM;
    }
  } catch {
    stop.throwIfAborted();
  }
  terminal.line(`  upstream: a miniature of OpenWrt, as ${REAL_UPSTREAM} does not answer`);
  return MINI;
}

function describe({ version, target, profile, packages }: ImageRequest): string {
  const added = packages.length > 0 ? ` with ${packages.join(' and ')}` : '';
  return `OpenWrt ${version} for ${target} (${profile})${added}`;
}

function headline(terminal: Terminal, text: string): void {
  terminal.line(`\n${terminal.paint('bold', text)}`);
}

/** Overlay mounts leave folders without any rights (mode 000), which their owner must open before removing them. */
async function removeFolder(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    spawnSync('chmod', ['-R', 'u+rwX', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
