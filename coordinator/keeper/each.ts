import { messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';

/** Does something for each item; what fails for one is told and keeps it from no other. */
export type Each = <T>(items: Iterable<T>, work: (item: T) => Promise<unknown>) => Promise<void>;

export function eachLogged(log: Log): Each {
  return async (items, work) => {
    for (const item of items) {
      try {
        await work(item);
      } catch (thrown) {
        log.warn({ item, reason: messageOf(thrown) }, 'keeper could not do its work for one item');
      }
    }
  };
}
