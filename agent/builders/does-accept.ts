import type { Builder } from '../../shared/domain/builder.ts';
import type { Accepts } from '../../shared/messages/pull.ts';

/** Whether an agent that was told to take this may take work for a builder; what is not mentioned it takes. */
export function doesAccept(accepts: Accepts | undefined, builder: Builder): boolean {
  return isOneOf(accepts?.targets, builder.target) && isOneOf(accepts?.versions, builder.version);
}

function isOneOf(names: readonly string[] | undefined, value: string): boolean {
  if (!names) return true;
  return names.some((name) => (name.endsWith('*') ? value.startsWith(name.slice(0, -1)) : value === name));
}
