import type { FaultKind } from '../fault-kind.ts';
import { MessageEcho } from '../message-echo.ts';

/** Jobs, wake-ups, pulls and their answers come again, late and in another order. */
export function echoMessages(): FaultKind {
  let echo: MessageEcho | undefined;
  return {
    name: 'messages doubled and shuffled',
    targets: 'farm',
    lastsMs: [3_000, 10_000],
    begin: async (farm, _target, random) => {
      echo ??= await MessageEcho.open(
        farm.natsUrl,
        farm.agents.map(({ id }) => id),
        random,
      ).catch(() => undefined);
    },
    end: async () => {
      const open = echo;
      echo = undefined;
      await open?.[Symbol.asyncDispose]();
    },
  };
}
