import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { showBuild, showFailure } from './build.ts';
import { BuildClient, type ImageRequest } from './client/build-client.ts';
import { fetchImages } from './client/fetch-images.ts';
import { followBuild } from './client/follow-build.ts';
import type { Command, CommandContext } from './command.ts';
import { demoRequest } from './demo-request.ts';
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
    } finally {
      await removeFolder(directory);
    }
  },
};

async function runDemo(
  settings: DemoSettings,
  directory: string,
  context: CommandContext,
  requests: StopRequests,
): Promise<number> {
  const { terminal } = context;
  headline(terminal, 'A farm on this machine');
  const upstream = settings.upstream ?? (await reachableUpstream(terminal, requests.stop));
  const startedAt = performance.now();
  await using farm = await startFarm(
    {
      directory,
      ...{ httpPort: 0, grpcPort: 0, coordinators: 1, agents: 2, slots: 1 },
      upstream,
      upstreamKey: [],
      program: wrtfarmProgram(),
      env: context.env,
      onEvent: (event) => terminal.note(`  ${JSON.stringify(event)}`),
    },
    requests,
  );
  const startMs = performance.now() - startedAt;
  terminal.line(
    `  ready after ${showDuration(startMs)}: ${farm.facts.http}, 1 coordinator, 2 agents, NATS, Redis`,
  );
  const code = await buildTwice(farm, resolve(settings.out), terminal, requests.stop);
  terminal.line(terminal.paint('dim', '\nstopping the farm'));
  return code;
}

async function buildTwice(farm: Farm, out: string, terminal: Terminal, stop: AbortSignal): Promise<number> {
  const client = new BuildClient(farm.facts.http);
  const request = await demoRequest(client, stop);
  headline(terminal, `An image: ${describe(request)}`);
  const startedAt = performance.now();
  const answer = await showBuild(client, request, false, terminal, stop);
  const buildMs = performance.now() - startedAt;
  if (answer.kind === 'failed') {
    showFailure(answer, false, terminal);
    return 1;
  }
  const packages = Object.keys(answer.build.manifest).length;
  terminal.line(`  built in ${showDuration(buildMs)}; ${packages} packages are in it`);

  headline(terminal, 'Downloaded and checked');
  await fetchImages(client, answer.build, { directory: out, all: false }, terminal, stop);

  headline(terminal, 'The same image again');
  const againAt = performance.now();
  const again = await followBuild(client, request, () => undefined, stop);
  if (again.kind === 'failed') {
    showFailure(again, false, terminal);
    return 1;
  }
  terminal.line(`  answered in ${showDuration(performance.now() - againAt)}, from memory`);
  terminal.line(`\n${terminal.paint('green', '✓')} The image lies in ${terminal.paint('bold', out)}`);
  return 0;
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
