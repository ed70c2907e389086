import type { ProfilesJson } from '../../shared/domain/profiles-json.ts';
import type { DocumentKind } from './documents.ts';
import { parseProfiles, type TargetProfiles } from './profiles.ts';

/** A target's `profiles.json` as upstream publishes it: what clients get parts of. */
export interface PublishedProfiles {
  /** Its text; kept outside of the heap, where a release of sixty targets would weigh several times as much. */
  readonly json: Buffer;
  readonly known: TargetProfiles;
}

export const PUBLISHED_PROFILES: DocumentKind<PublishedProfiles> = {
  parse: (bytes) => ({ json: bytes, known: parseProfiles(bytes) }),
  maxBytes: 32 * 1024 ** 2,
};

/** All of it; fields our schema does not know are there too. */
export function readPublished(published: PublishedProfiles): ProfilesJson {
  return JSON.parse(published.json.toString('utf8')) as ProfilesJson;
}

/** One profile with the metadata of its target (contract 2.9). */
export function profileJson(published: PublishedProfiles, id: string): Readonly<Record<string, unknown>> {
  const { profiles, ...metadata } = readPublished(published);
  return { ...metadata, ...profiles[id], id, build_at: buildAt(metadata.source_date_epoch) };
}

/** The source date, not the time of a build (contract 2.6). */
function buildAt(sourceDateEpoch: number | undefined): string {
  return new Date((sourceDateEpoch ?? 0) * 1000).toISOString().replace('.000Z', '.000000Z');
}
