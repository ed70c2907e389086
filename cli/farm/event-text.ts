import type { ChildEvent } from './child.ts';

/** What happened to a process of the farm, for a person. */
export function eventText(event: ChildEvent): string {
  return event.event === 'exited'
    ? `${event.name} (process ${event.pid}) died: ${event.reason}; it is started again`
    : `${event.name} runs again, process ${event.pid}`;
}
