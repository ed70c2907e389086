import { type Static, Type } from 'typebox';
import { SHA256_PATTERN } from '../digest.ts';
import { GENERATION_PATTERN } from '../domain/build.ts';
import { BuildSpecSchema, LaneSchema } from '../domain/build-spec.ts';
import { BuilderSourceSchema } from '../domain/builder.ts';

/** A job says that some build waits; which one is decided in Redis, so this names it only for people and message ids. */
export const JobSchema = Type.Object({
  requestHash: Type.String({ pattern: SHA256_PATTERN }),
  generation: Type.String({ pattern: GENERATION_PATTERN }),
});
export type Job = Static<typeof JobSchema>;

/** The second copy of an unfinished build: all that is needed to make it again. A candidate, never proof. */
export const AcceptedBuildSchema = Type.Object({
  requestHash: Type.String({ pattern: SHA256_PATTERN }),
  generation: Type.String({ pattern: GENERATION_PATTERN }),
  lane: LaneSchema,
  source: BuilderSourceSchema,
  spec: BuildSpecSchema,
  client: Type.Union([Type.String(), Type.Null()]),
  /** Epoch milliseconds. */
  acceptedAt: Type.Integer(),
  /** On whose account it waits. Coordinators before 0.2 leave it out. */
  owner: Type.Optional(
    Type.Object({
      priority: Type.Enum(['device', 'bulk']),
      client: Type.String(),
      weight: Type.Integer({ minimum: 1 }),
    }),
  ),
});
export type AcceptedBuild = Static<typeof AcceptedBuildSchema>;
