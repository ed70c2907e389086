import { type Static, Type } from 'typebox';
import { SHA256_PATTERN } from '../../shared/digest.ts';
import { ArtifactSchema } from '../../shared/domain/artifact.ts';
import { GENERATION_PATTERN, OUTCOMES } from '../../shared/domain/build.ts';
import { BuildSpecSchema, LaneSchema } from '../../shared/domain/build-spec.ts';
import { BuilderSourceSchema } from '../../shared/domain/builder.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { parseJsonAs } from '../../shared/schema.ts';

/**
 * How a build ends, fixed when it enters `publishing`: everything that making it final needs, so that any coordinator can
 * finish what another one began.
 */
export const SealedBuildSchema = Type.Object({
  outcome: Type.Enum(OUTCOMES),
  artifacts: Type.Array(ArtifactSchema),
  /** Where the artifacts are staged; null when no attempt won. */
  attemptKey: Type.Union([Type.String(), Type.Null()]),
  agentId: Type.Union([Type.String(), Type.Null()]),
  /** The complete client body. */
  answer: Type.Record(Type.String(), Type.Unknown()),
  /** Whether the answer is given again to whoever asks the same; a failure of the farm is not. */
  isCacheable: Type.Boolean(),
  /** How long the answer is kept, milliseconds. */
  keepMs: Type.Integer({ minimum: 1 }),
});
export type SealedBuild = Static<typeof SealedBuildSchema>;

/** `build.json`: one per finished build and generation, written once. Its existence is what makes a build final. */
export const BuildJsonSchema = Type.Object({
  version: Type.Literal(1),
  requestHash: Type.String({ pattern: SHA256_PATTERN }),
  generation: Type.String({ pattern: GENERATION_PATTERN }),
  attempt: Type.Integer({ minimum: 0 }),
  lane: LaneSchema,
  source: BuilderSourceSchema,
  /** Without the first-boot script, which may hold secrets. */
  spec: BuildSpecSchema,
  client: Type.Union([Type.String(), Type.Null()]),
  /** Epoch milliseconds, as the two below. */
  acceptedAt: Type.Integer(),
  finishedAt: Type.Integer(),
  expiresAt: Type.Integer(),
  ...SealedBuildSchema.properties,
});
export type BuildJson = Static<typeof BuildJsonSchema>;

/**
 * The `build.json` of a folder, from its text.
 * @throws FarmError `infrastructure` for what no coordinator has written: nobody who asks for it is to blame.
 */
export function parseBuildJson(text: string, folder: string): BuildJson {
  try {
    return parseJsonAs(BuildJsonSchema, text, `build.json of ${folder}`);
  } catch (cause) {
    throw new FarmError('infrastructure', `${messageOf(cause)}: it was damaged`, { cause });
  }
}
