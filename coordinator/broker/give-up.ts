import { doesAcceptToken } from '../../shared/domain/accepts.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { AgentState } from '../agents/agent-registry.ts';

/** A builder that could not be made warm this often in all is given up, if no machine is left that might. */
const MAX_WARM_FAILURES = 3;
/** So many different machines failing is the builder's fault, whatever others might do. */
const MAX_FAILED_AGENTS = 3;

/**
 * Whether a builder that could not be made warm is given up, with the builds that wait for it.
 * @param failures how often it failed lately, by agent.
 */
export function shouldGiveUp(
  agents: readonly AgentState[],
  wanted: PinnedBuilder,
  failures: Readonly<Record<string, number>>,
): boolean {
  const live = agents.filter(
    ({ pull, isSuspect }) => !isSuspect && !pull.draining && doesAcceptToken(pull.accepts, wanted.builder),
  );
  const isWarm = live.some(({ pull }) =>
    pull.warm.some((each) => each.builder === wanted.builder && each.digest === wanted.digest),
  );
  if (isWarm) return false;
  const total = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const haveAllFailed = live.every(({ pull }) => pull.agentId in failures);
  return total >= MAX_WARM_FAILURES && (haveAllFailed || Object.keys(failures).length >= MAX_FAILED_AGENTS);
}
