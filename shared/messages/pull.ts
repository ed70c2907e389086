import { type Static, Type } from 'typebox';
import { AcceptsSchema } from '../domain/accepts.ts';
import { AGENT_ID_PATTERN } from '../domain/agent.ts';
import { BuildSpecSchema } from '../domain/build-spec.ts';
import { BuilderSourceSchema, PinnedBuilderSchema } from '../domain/builder.ts';
import { AttemptIdSchema, LeaseSchema } from '../domain/lease.ts';

/*
 * A pull is an agent's whole current state; its answer is what to do next. It is advertisement, heartbeat and request at
 * once, so a lost message heals with the next one. Version 1; readers ignore fields they do not know.
 */

/** A warm builder as its agent tells of it. Agents before 0.2 leave the two numbers out. */
const WarmBuilderSchema = Type.Object({
  ...PinnedBuilderSchema.properties,
  /** What it takes on the agent's disk. */
  sizeBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  /** How long this agent took to fetch, verify and unpack it, milliseconds. */
  warmedInMs: Type.Optional(Type.Integer({ minimum: 0 })),
});

export const PullSchema = Type.Object({
  version: Type.Literal(1),
  agentId: Type.String({ pattern: AGENT_ID_PATTERN }),
  /** Random for each start of the agent; a new one supersedes the old. */
  session: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  /** Rises with each pull of a session; only the newest may be granted a build. */
  sequence: Type.Integer({ minimum: 1 }),
  /** wrtfarm's version on the agent. */
  software: Type.String(),
  slots: Type.Integer({ minimum: 0, maximum: 1024 }),
  /** Every attempt the agent holds, from the grant until its end was acknowledged. */
  attempts: Type.Array(LeaseSchema, { maxItems: 1024 }),
  warm: Type.Array(WarmBuilderSchema, { maxItems: 10_000 }),
  warming: Type.Array(PinnedBuilderSchema, { maxItems: 1024 }),
  /** Builders that could not be made warm since the last answered pull, and why. */
  warmFailures: Type.Array(
    Type.Object({ ...PinnedBuilderSchema.properties, reason: Type.String({ maxLength: 2000 }) }),
    { maxItems: 1024 },
  ),
  /** One-minute load average divided by the number of cores. */
  loadPerCore: Type.Number({ minimum: 0 }),
  /** Of the disk the builders lie on, before the agent's own reserve. */
  diskFreeBytes: Type.Integer({ minimum: 0 }),
  /** Most bytes its builders may take together; absent for no limit but the disk. */
  diskBudgetBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Part of the last ten seconds in which some task waited for a CPU, 0 to 1; absent where the kernel does not tell (PSI). */
  cpuPressure: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Of the machine, as Node tells it: `x64`. */
  arch: Type.Optional(Type.String({ maxLength: 16 })),
  accepts: Type.Optional(AcceptsSchema),
  draining: Type.Boolean(),
  /** The last pull of an agent that stops: it is to be forgotten, and waits for no answer. */
  leaving: Type.Optional(Type.Boolean()),
});
export type Pull = Static<typeof PullSchema>;

/** What an agent needs to begin an attempt. */
export const GrantSchema = Type.Object({
  lease: LeaseSchema,
  leaseMs: Type.Integer({ minimum: 1 }),
  source: BuilderSourceSchema,
  spec: BuildSpecSchema,
});
export type Grant = Static<typeof GrantSchema>;

export const PullAnswerSchema = Type.Object({
  version: Type.Literal(1),
  /** Begin this attempt. */
  start: Type.Optional(GrantSchema),
  /** Fetch, verify and unpack this builder. */
  warm: Type.Optional(BuilderSourceSchema),
  /**
   * What may be removed to make room for it, the least valuable first; nothing else may. Without `warm`: the builders take more than
   * they may, and are to be removed until they do not.
   */
  evictable: Type.Optional(Type.Array(PinnedBuilderSchema, { maxItems: 10_000 })),
  /** Attempts the farm no longer wants from this agent; they are stopped and nothing of them is sent. */
  cancel: Type.Array(AttemptIdSchema),
  /** Stop taking work. */
  drain: Type.Boolean(),
  /** Pull again, whichever pull this answers: a newer one may be lost with the coordinator that got it. */
  again: Type.Optional(Type.Boolean()),
  /** How long to wait before the next pull, milliseconds. */
  nextPullMs: Type.Integer({ minimum: 0 }),
  /** `host:port` of the gRPC servers of the live coordinators, the answering one first. */
  coordinators: Type.Array(Type.String()),
});
export type PullAnswer = Static<typeof PullAnswerSchema>;

/** How long a coordinator parks a pull it has nothing for, milliseconds. */
export const PARK_MS = 30_000;
