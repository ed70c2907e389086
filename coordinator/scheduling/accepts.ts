import type { Builder } from '../../shared/domain/builder.ts';
import type { Accepts } from '../../shared/messages/pull.ts';

/** Whether an agent that accepts this takes builds of a builder. What it does not mention it takes. */
export function doesAccept(accepts: Accepts | undefined, builder: Builder): boolean {
  return matchesOne(accepts?.targets, builder.target) && matchesOne(accepts?.versions, builder.version);
}

function matchesOne(patterns: readonly string[] | undefined, value: string): boolean {
  if (!patterns) return true;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern,
  );
}
