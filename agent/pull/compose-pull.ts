import type { Accepts } from '../../shared/domain/accepts.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { IntakeView } from './intake.ts';

/** What a pull tells of the agent. */
export interface AgentFacts {
  attempts(): readonly Lease[];
  warm(): Pull['warm'];
  warming(): readonly PinnedBuilder[];
  /** Hands out the failures to make builders warm that were not told yet. */
  takeWarmFailures(): Pull['warmFailures'];
  /** Most bytes its builders may take, while so many are free on their disk; `undefined` for no limit but the disk. */
  diskBudgetBytes(diskFreeBytes: number): number | undefined;
  isDraining(): boolean;
}

/** Who pulls, and what it is: the same for each pull of a session. */
export interface AgentIdentity {
  readonly agentId: string;
  readonly session: string;
  readonly slots: number;
  /** Absent for everything. */
  readonly accepts?: Accepts;
  readonly software: string;
  /** As Node tells it: `x64`. */
  readonly arch: string;
}

/**
 * A pull of the agent as it is now. An agent that takes no new work offers no slots: it is asked for nothing, and goes on
 * with what it has.
 */
export function composePull(
  { slots, ...identity }: AgentIdentity,
  sequence: number,
  facts: AgentFacts,
  { host, decision }: IntakeView,
): Pull {
  const diskBudgetBytes = facts.diskBudgetBytes(host.diskFreeBytes);
  return {
    version: 1,
    ...identity,
    sequence,
    slots: decision.takesWork ? slots : 0,
    attempts: [...facts.attempts()],
    warm: [...facts.warm()],
    warming: [...facts.warming()],
    warmFailures: facts.takeWarmFailures(),
    ...host,
    ...(diskBudgetBytes === undefined ? {} : { diskBudgetBytes }),
    draining: facts.isDraining(),
  };
}
