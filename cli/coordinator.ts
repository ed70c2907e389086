import { CoordinatorSettingsSchema } from '../coordinator/config.ts';
import { runCoordinator } from '../coordinator/main.ts';
import type { Command } from './command.ts';
import { serve } from './serve.ts';

/** `wrtfarm coordinator`: one coordinator. */
export const coordinator: Command = {
  name: 'coordinator',
  summary: 'run one coordinator: HTTP for clients, gRPC for agents',
  about:
    'Runs one coordinator until SIGTERM or Ctrl-C. It needs a NATS with JetStream and a Redis; ' +
    'as many as you like may share them.\n' +
    'When it is ready it prints one line of JSON with its addresses; its log goes to standard error.',
  settings: CoordinatorSettingsSchema,
  readsEnvironment: true,
  hiddenFlags: ['control-pipe'],
  run: async (input, context) =>
    await serve(coordinator, input, context, async (raw, host) => await runCoordinator(raw, host)),
};
