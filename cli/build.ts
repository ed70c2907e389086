import { resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { FarmError } from '../shared/errors.ts';
import type { FinalAnswer } from './client/build-answer.ts';
import { BuildClient, type ImageRequest } from './client/build-client.ts';
import type { BuildEvent } from './client/build-event.ts';
import { BuildView, printable } from './client/build-view.ts';
import { fetchImages } from './client/fetch-images.ts';
import { followBuild } from './client/follow-build.ts';
import type { Command, CommandContext } from './command.ts';
import { parseFlags } from './flags.ts';
import { showDuration } from './progress.ts';
import { watchSignals } from './signals.ts';
import type { Terminal } from './terminal.ts';

const BuildSettingsSchema = Type.Object({
  server: Type.String({
    pattern: '^https?://\\S+$',
    default: 'http://127.0.0.1:8080',
    placeholder: 'URL',
    description: 'the build server: wrtfarm, or any that speaks the API of asu',
  }),
  version: Type.String({ placeholder: 'V', description: 'OpenWrt version, such as 24.10.4 or SNAPSHOT' }),
  target: Type.String({ placeholder: 'T', description: 'target and subtarget, such as x86/64' }),
  profile: Type.String({
    default: 'generic',
    placeholder: 'P',
    description: 'the device, as profiles.json of the target names it',
  }),
  package: Type.Array(Type.String(), {
    default: [],
    placeholder: 'NAME',
    description: 'a package to add, or to leave out: --package=-ppp; repeatable, or separated by commas',
  }),
  out: Type.String({ default: '.', placeholder: 'DIR', description: 'folder for the images' }),
  all: Type.Boolean({ default: false, description: 'download every image, not only those most people need' }),
  json: Type.Boolean({ default: false, description: 'print JSON only, one object a line' }),
});
type BuildSettings = Readonly<Static<typeof BuildSettingsSchema>>;

/** `wrtfarm build`: an image from any server. */
export const build: Command = {
  name: 'build',
  summary: 'ask a server for an image and download it',
  about:
    'Asks a build server for an image, follows the build with its live log, downloads the images worth having ' +
    '(sysupgrade, factory, sdcard or combined, of one filesystem) and checks their sha256.\n' +
    'Ctrl-C leaves the build running; asking for the same again finds it.',
  settings: BuildSettingsSchema,
  run: async (input, context) => {
    const settings = parseFlags(BuildSettingsSchema, input.raw);
    using requests = watchSignals();
    try {
      return await runBuild(settings, context, requests.stop);
    } catch (thrown) {
      if (!requests.stop.aborted) throw thrown;
      throw new FarmError('cancelled', `stopped; a build that has begun goes on at ${settings.server}`);
    }
  },
};

async function runBuild(
  settings: BuildSettings,
  { terminal }: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const client = new BuildClient(settings.server);
  const request: ImageRequest = {
    version: settings.version,
    target: settings.target,
    profile: settings.profile,
    packages: settings.package.flatMap((names) => names.split(',')).filter((name) => name !== ''),
  };
  const startedAt = performance.now();
  const answer = await showBuild(client, request, settings.json, terminal, signal);
  const builtMs = Math.round(performance.now() - startedAt);
  if (answer.kind === 'failed') {
    showFailure(answer, settings.json, terminal);
    return 1;
  }
  const { build: finished } = answer;
  const packages = Object.keys(finished.manifest).length;
  if (!settings.json) {
    terminal.line(`Built in ${showDuration(builtMs)}: ${finished.version_number}, ${packages} packages`);
  }
  const options = { directory: resolve(settings.out), all: settings.all };
  const images = await fetchImages(client, finished, options, settings.json ? undefined : terminal, signal);
  if (settings.json) {
    const { request_hash: hash, version_number: version } = finished;
    terminal.line(JSON.stringify({ event: 'done', hash, version, packages, builtMs, images }));
  }
  return 0;
}

/** Follows a build in front of a reader, a person or a program. */
export async function showBuild(
  client: BuildClient,
  request: ImageRequest,
  isJson: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<FinalAnswer> {
  if (isJson) {
    const onEvent = (event: BuildEvent): void => terminal.line(JSON.stringify(event));
    return await followBuild(client, request, onEvent, signal);
  }
  using view = new BuildView(terminal);
  return await followBuild(client, request, (event) => view.show(event), signal);
}

/** Tells why there is no image. */
export function showFailure(
  answer: Extract<FinalAnswer, { kind: 'failed' }>,
  isJson: boolean,
  terminal: Terminal,
): void {
  if (isJson) {
    terminal.line(JSON.stringify({ event: 'failed', status: answer.status, reason: answer.reason }));
    return;
  }
  const tail = answer.output.trimEnd().split('\n').slice(-15);
  if (answer.output !== '') for (const line of tail) terminal.note(`  ${printable(line)}`);
  const what = answer.what === 'build' ? 'the build failed' : `the server refused (${answer.status})`;
  terminal.note(`${terminal.paint('red', '✗')} ${what}: ${printable(answer.reason)}`);
}
