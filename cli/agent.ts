import { AgentSettingsSchema } from '../agent/config.ts';
import { runAgent } from '../agent/main.ts';
import type { Command } from './command.ts';
import { serve } from './serve.ts';

/** `wrtfarm agent`: one agent. */
export const agent: Command = {
  name: 'agent',
  summary: 'run one agent: lend this machine to a farm',
  about:
    'Runs one agent until SIGTERM or Ctrl-C; its builds then have --drain-ms to finish before they are given back. ' +
    'It only connects outwards, to the NATS server and the coordinators of the farm.\n' +
    'When it is ready it prints one line of JSON; its log goes to standard error. ' +
    'A password is better kept in WRTFARM_NATS than in --nats, where every user of this machine can read it.',
  settings: AgentSettingsSchema,
  readsEnvironment: true,
  hiddenFlags: ['control-pipe'],
  run: async (input, context) =>
    await serve(agent, input, context, async (raw, host) => await runAgent(raw, host)),
};
