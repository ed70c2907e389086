import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { API_KEY_PATTERN } from '../coordinator/http/api-keys.ts';
import { FarmError, messageOf } from '../shared/errors.ts';
import type { Command, CommandContext } from './command.ts';
import { eventText } from './farm/event-text.ts';
import { startFarm } from './farm/farm.ts';
import { isFreePort } from './farm/ports.ts';
import { readyText } from './farm/ready-text.ts';
import { MINI, REAL_UPSTREAM } from './farm/upstream.ts';
import { wrtfarmProgram } from './farm/wrtfarm-program.ts';
import { parseFlags } from './flags.ts';
import { aborted, type StopRequests, watchSignals } from './signals.ts';

const UpSettingsSchema = Type.Object({
  httpPort: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8080,
    description: 'port for clients; each further coordinator takes the next one; 0 takes free ones',
  }),
  grpcPort: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'port for agents, likewise; default: the next one after those for clients, 8081',
    }),
  ),
  coordinators: Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'coordinators to run' }),
  agents: Type.Integer({ minimum: 0, maximum: 64, default: 2, description: 'agents to run' }),
  slots: Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 1,
    description: 'builds each agent runs at the same time',
  }),
  upstream: Type.String({
    pattern: `^(https?://\\S+|${MINI})$`,
    default: REAL_UPSTREAM,
    placeholder: `URL|${MINI}`,
    description: 'OpenWrt mirror to build from, or the miniature that ships with wrtfarm',
  }),
  upstreamKey: Type.Array(Type.String(), {
    default: [],
    placeholder: 'FILE',
    description: "a further usign public key that may sign upstream's sha256sums; repeatable",
  }),
  allowDefaults: Type.Boolean({
    default: false,
    description: 'build with first-boot scripts of clients',
  }),
  repositoryAllowList: Type.Array(Type.String(), {
    default: [],
    placeholder: 'URL',
    description: 'prefix of extra package feeds that clients may name; repeatable',
  }),
  apiKeys: Type.Array(Type.String({ pattern: API_KEY_PATTERN }), {
    default: [],
    secret: true,
    placeholder: 'NAME:KEY[:WEIGHT]',
    description: 'key of a script, which waits behind devices; 16 characters at least; repeatable',
  }),
  trustedProxies: Type.Array(Type.String(), {
    default: [],
    placeholder: 'ADDRESS',
    description: 'proxy whose X-Forwarded-For tells clients apart, or a network of them; repeatable',
  }),
  data: Type.String({
    default: '',
    placeholder: 'DIR',
    description: 'folder that keeps everything; default $XDG_STATE_HOME/wrtfarm or ~/.local/state/wrtfarm',
  }),
  json: Type.Boolean({ default: false, description: 'print JSON only, one object a line' }),
});
type UpSettings = Readonly<Static<typeof UpSettingsSchema>>;

/** `wrtfarm up`: a whole farm on this machine. */
export const up: Command = {
  name: 'up',
  summary: 'run a whole farm on this machine',
  about:
    'Runs a private NATS and Redis, coordinators and agents on this machine until Ctrl-C or SIGTERM; all of them listen ' +
    'on 127.0.0.1 only. A part that dies is started again. Started again on the same folder, the farm goes on where it stopped.',
  settings: UpSettingsSchema,
  run: async (input, context) => {
    const settings = parseFlags(UpSettingsSchema, input.raw);
    using requests = watchSignals();
    return await runFarm(settings, context, requests);
  },
};

async function runFarm(
  settings: UpSettings,
  context: CommandContext,
  requests: StopRequests,
): Promise<number> {
  const { terminal, env } = context;
  const directory = resolve(settings.data || defaultDirectory(env));
  const program = wrtfarmProgram();
  const ports = portsOf(settings);
  await checkPorts(settings.coordinators, ports);
  if (!settings.json) terminal.note(`starting a farm in ${directory} …`);
  const farm = await startFarm(
    {
      ...settings,
      ...ports,
      directory,
      upstreamKey: settings.upstreamKey.map((key) => resolve(key)),
      program,
      env,
      onEvent: (event) => {
        if (settings.json) terminal.line(JSON.stringify(event));
        else terminal.note(eventText(event));
      },
    },
    requests,
  );
  if (settings.json) terminal.line(JSON.stringify({ ready: true, ...farm.facts }));
  else terminal.line(readyText(farm.facts, program, terminal));

  await aborted(requests.stop);
  if (!settings.json) terminal.note('\nstopping; again to kill everything at once');
  try {
    await farm[Symbol.asyncDispose]();
  } catch (thrown) {
    terminal.note(`wrtfarm: ${messageOf(thrown)}`);
    return 1;
  }
  return requests.kill.aborted ? 1 : 0;
}

/** `$XDG_STATE_HOME/wrtfarm`, or its default. Source: XDG Base Directory Specification 0.8. */
function defaultDirectory(env: CommandContext['env']): string {
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'wrtfarm');
}

interface Ports {
  readonly httpPort: number;
  readonly grpcPort: number;
}

function portsOf({ httpPort, grpcPort, coordinators }: UpSettings): Ports {
  return { httpPort, grpcPort: grpcPort ?? (httpPort === 0 ? 0 : httpPort + coordinators) };
}

/** Tells of a port that cannot be used before anything is started. */
async function checkPorts(coordinators: number, { httpPort, grpcPort }: Ports): Promise<void> {
  const range = (first: number): number[] =>
    first === 0 ? [] : Array.from({ length: coordinators }, (_, index) => first + index);
  const [http, grpc] = [range(httpPort), range(grpcPort)];
  const both = http.find((port) => grpc.includes(port));
  if (both !== undefined) {
    throw new FarmError('invalid_request', `port ${both} would serve clients and agents; move --grpc-port`);
  }
  for (const port of [...http, ...grpc]) {
    if (await isFreePort(port)) continue;
    const flag = http.includes(port) ? '--http-port' : '--grpc-port';
    throw new FarmError('conflict', `port ${port} is in use on this machine; choose another ${flag}`);
  }
}
