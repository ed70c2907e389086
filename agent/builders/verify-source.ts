import { type BuilderSource, builderName, findArchive, targetPath } from '../../shared/domain/builder.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import { type UsignPublicKey, verifyUsign } from '../../shared/usign.ts';
import type { Downloader } from './downloader.ts';
import { trustedKeys, UNOFFICIAL_KEYS } from './upstream-keys.ts';

/** The list of a target's files is some tens of KB; a signature some hundred bytes. */
const MAX_SUMS_BYTES = 4 * 1024 * 1024;
const MAX_SIGNATURE_BYTES = 16 * 1024;

export interface VerifiedSource {
  /** URL of the archive. */
  readonly url: string;
  /** File name of the archive; its extension tells the compression. */
  readonly name: string;
  /** Key id of the signature. */
  readonly signedBy: string;
}

/**
 * Finds the archive of a builder in upstream's signed sha256sums and checks that it is the one the farm pinned.
 * @throws FarmError `infrastructure` when the list is missing, unsigned, signed by a key that is not trusted, changed, or
 * names no archive or another one (`details.stale`); `cancelled`.
 */
export async function verifySource(
  source: BuilderSource,
  context: {
    readonly upstream: string;
    readonly downloader: Downloader;
    readonly addedKeys: readonly UsignPublicKey[];
    readonly signal: AbortSignal;
  },
): Promise<VerifiedSource> {
  const folder = `${context.upstream.replace(/\/+$/, '')}/${targetPath(source)}`;
  const load = async (name: string, maxBytes: number): Promise<Buffer | undefined> =>
    await context.downloader.bytes(`${folder}/${name}`, { signal: context.signal, maxBytes });
  const sums = await load('sha256sums', MAX_SUMS_BYTES);
  if (!sums) throw refused(source, `upstream has no ${folder}/sha256sums`);
  const signature = await load('sha256sums.sig', MAX_SIGNATURE_BYTES);
  if (!signature) throw refused(source, `${folder}/sha256sums is not signed: there is no sha256sums.sig`);
  const signedBy = checkSignature(source, sums, signature, context.addedKeys);
  const archive = findArchive(sums.toString('utf8'), source);
  if (!archive) throw refused(source, `${folder}/sha256sums lists no ImageBuilder`);
  if (archive.digest !== source.digest) {
    throw new FarmError(
      'infrastructure',
      `${builderName(source)} is stale: ${source.digest} was ordered, and upstream now offers ${archive.digest}`,
      { details: { breakage: 'builder', stale: true, offeredDigest: archive.digest } },
    );
  }
  return { url: `${folder}/${archive.name}`, name: archive.name, signedBy };
}

function checkSignature(
  source: BuilderSource,
  sums: Buffer,
  signature: Buffer,
  addedKeys: readonly UsignPublicKey[],
): string {
  try {
    return verifyUsign(sums, signature.toString('utf8'), trustedKeys(source.distro, addedKeys));
  } catch (cause) {
    if (!hasCode(cause, 'failed_precondition')) throw cause;
    const remark = UNOFFICIAL_KEYS.find((key) => messageOf(cause).includes(key.keyId))?.remark;
    throw refused(
      source,
      `upstream's sha256sums cannot be trusted: ${messageOf(cause)}${remark ? ` (${remark})` : ''}`,
      cause,
    );
  }
}

function refused(source: BuilderSource, reason: string, cause?: unknown): FarmError {
  return new FarmError('infrastructure', `${builderName(source)}: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { breakage: 'builder' },
  });
}
