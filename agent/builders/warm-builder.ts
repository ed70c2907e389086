import { type Static, Type } from 'typebox';
import { BuilderSourceSchema } from '../../shared/domain/builder.ts';
import { BuilderInfoSchema } from '../build/builder-info.ts';

/** Package managers: apk from 25.12 on, opkg before. */
const FlavourSchema = Type.Union([Type.Literal('apk'), Type.Literal('opkg')]);
export type Flavour = Static<typeof FlavourSchema>;

/** What is kept beside an unpacked tree, so that a restart need not look at the tree again. */
export const BuilderRecordSchema = Type.Object({
  version: Type.Literal(1),
  source: BuilderSourceSchema,
  flavour: FlavourSchema,
  info: BuilderInfoSchema,
  /** Key that signed upstream's sha256sums. */
  signedBy: Type.String(),
  /** Epoch milliseconds; of two digests of one builder the later is the current one. */
  warmedAt: Type.Number(),
  /** What the tree takes on disk. Records before 0.2 lack it, until the agent measures it. */
  sizeBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  /** How long it took from the order until it was warm, milliseconds. Records before 0.2 lack it, and the next. */
  warmedInMs: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Of the archive it was unpacked from. */
  archiveBytes: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type BuilderRecord = Static<typeof BuilderRecordSchema>;

/** A builder that is unpacked, verified and ready. */
export interface WarmBuilder
  extends Pick<BuilderRecord, 'source' | 'info' | 'flavour' | 'sizeBytes' | 'warmedInMs' | 'archiveBytes'> {
  /** The unpacked tree. Read-only by agreement: builds get views of it. */
  readonly directory: string;
}
