import { type BuilderSource, builderToken } from '../../shared/domain/builder.ts';
import type { Grant } from '../../shared/messages/pull.ts';
import type { WireAgent } from './wire-agent.ts';

/**
 * Lets an agent pull, and pretend to fetch, until a build is granted to it.
 * @param warm what it has from the beginning.
 */
export async function grantTo(agent: WireAgent, warm?: BuilderSource): Promise<Grant> {
  let source = warm;
  for (;;) {
    const state = source ? { warm: [{ builder: builderToken(source), digest: source.digest }] } : {};
    const answer = await agent.pullUntil(state, (each) => (each.start ?? each.warm) !== undefined);
    if (answer.start) return answer.start;
    source = answer.warm;
  }
}
