import { type ClientPlan, LedgerClient } from './client.ts';

/* The client as a process of its own: told what to do by its first message, to stop by any other; ends with its parent. */

const stop = new AbortController();
let exitCode = 1;
process.once('disconnect', () => process.exit(exitCode));
process.once('message', (plan) => {
  process.on('message', () => stop.abort());
  const tell = (accepted: number, open: number): void => void process.send?.({ accepted, open });
  LedgerClient.run(plan as ClientPlan, stop.signal, tell).then(
    () => {
      exitCode = 0;
      process.disconnect();
    },
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(exitCode);
    },
  );
});
