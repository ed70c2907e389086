import { doesAcceptToken } from '../../shared/domain/accepts.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { type AgentState, freeWarmSlots } from '../agents/agent-registry.ts';

/** How long a build waits for a busy machine that is warm before another one is made warm, milliseconds. */
export const PATIENCE_MS = 1_000;

/** What a decision to warm rests on. */
export interface WarmDemand {
  readonly waitingCount: number;
  /** How long the first build of the set has waited, milliseconds. */
  readonly firstWaitMs: number;
  /** Free slots that have it warm and may take the first build. */
  readonly freeWarmSlots: number;
  /** Whether any machine has it warm, busy or not. */
  readonly isWarmSomewhere: boolean;
}

/** Whether one more machine should fetch a builder: at once when nobody has it, else when those who have stay busy. */
export function shouldWarm(demand: WarmDemand): boolean {
  if (demand.waitingCount <= demand.freeWarmSlots) return false;
  return !demand.isWarmSomewhere || demand.firstWaitMs >= PATIENCE_MS;
}

/** The demand for a builder among the agents there are. An agent the first build avoids does not count. */
export function warmDemand(
  agents: readonly AgentState[],
  wanted: PinnedBuilder,
  waiting: { readonly count: number; readonly firstWaitMs: number; readonly avoidAgent: string | null },
): WarmDemand {
  const eligible = agents.filter(({ pull }) => pull.agentId !== waiting.avoidAgent);
  return {
    waitingCount: waiting.count,
    firstWaitMs: waiting.firstWaitMs,
    freeWarmSlots: freeWarmSlots(eligible, wanted),
    isWarmSomewhere: eligible.some(
      ({ pull, isSuspect }) =>
        !isSuspect &&
        pull.warm.some((each) => each.builder === wanted.builder && each.digest === wanted.digest),
    ),
  };
}

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
