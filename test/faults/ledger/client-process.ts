import { type ClientPlan, LedgerClient } from './client.ts';

/* The client as a process of its own: told what to do by its first message, `enough` or `stop` later; ends with its parent. */

const stop = new AbortController();
const enough = new AbortController();
let exitCode = 1;
process.once('disconnect', () => process.exit(exitCode));
process.once('message', (plan) => {
  process.on('message', (word) => (word === 'stop' ? stop : enough).abort());
  const tell = (accepted: number, open: number): void => void process.send?.({ accepted, open });
  LedgerClient.run(plan as ClientPlan, { stop: stop.signal, enough: enough.signal }, tell).then(
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
