import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { environmentName, SettingsError } from '../shared/env.ts';
import { FarmError } from '../shared/errors.ts';
import { type Action, findAction, USAGE } from './admin/actions.ts';
import { AdminClient } from './admin/admin-client.ts';
import type { Command, CommandContext } from './command.ts';
import { credentialsPath, readAdminToken } from './farm/credentials.ts';
import { parseFlags } from './flags.ts';
import { watchSignals } from './signals.ts';

const AdminSettingsSchema = Type.Object({
  server: Type.String({
    pattern: '^https?://\\S+$',
    default: 'http://127.0.0.1:8080',
    placeholder: 'URL',
    description: 'a coordinator of the farm',
  }),
  adminToken: Type.Optional(
    Type.String({
      placeholder: 'TOKEN',
      secret: true,
      description:
        "the farm's admin token; default: WRTFARM_ADMIN_TOKEN, else that of `wrtfarm up` in --data",
    }),
  ),
  data: Type.String({
    default: '',
    placeholder: 'DIR',
    description: 'folder of `wrtfarm up`; default $XDG_STATE_HOME/wrtfarm or ~/.local/state/wrtfarm',
  }),
  json: Type.Boolean({ default: false, description: 'print what the server answers, as JSON' }),
});
type AdminSettings = Readonly<Static<typeof AdminSettingsSchema>>;

/** `wrtfarm admin`: what operators do by hand. */
export const admin: Command = {
  name: 'admin',
  summary: 'look after a running farm: agents, builders, queue, single builds',
  about: `${USAGE}\nLooking at agents and builders needs no token; all else does.`,
  settings: AdminSettingsSchema,
  positionals: 'ACTION [NAME]',
  run: async (input, context) => {
    const settings = parseFlags(AdminSettingsSchema, input.raw);
    const action = findAction(input.positionals);
    if (typeof action === 'string') throw new SettingsError([action]);
    using requests = watchSignals();
    return await run(action, settings, context, requests.stop);
  },
};

async function run(
  { action, name }: { readonly action: Action; readonly name: string },
  settings: AdminSettings,
  { terminal, env }: CommandContext,
  signal: AbortSignal,
): Promise<number> {
  const client = new AdminClient(settings.server, tokenFor(action, settings, env));
  const answer = await client.ask(action.method, action.path(name), signal);
  if (settings.json) terminal.line(JSON.stringify(answer));
  else for (const line of action.show(answer)) terminal.line(line);
  return 0;
}

function tokenFor(action: Action, settings: AdminSettings, env: CommandContext['env']): string | undefined {
  if (!action.needsToken) return undefined;
  const given = settings.adminToken ?? env[environmentName('adminToken')];
  if (given !== undefined) return given;
  const folder = resolve(
    settings.data || join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'wrtfarm'),
  );
  const token = readAdminToken(folder);
  if (token !== undefined) return token;
  throw new FarmError(
    'failed_precondition',
    `this needs the farm's admin token: give --admin-token or WRTFARM_ADMIN_TOKEN (${credentialsPath(folder)} has none)`,
  );
}
