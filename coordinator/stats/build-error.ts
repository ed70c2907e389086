import { type Static, Type } from 'typebox';

/** A build that failed, as the operator sees it. Holds nothing that only its client should know. */
export const BuildErrorSchema = Type.Object({
  /** Epoch milliseconds. */
  at: Type.Integer(),
  version: Type.String(),
  target: Type.String(),
  profile: Type.String(),
  /** One line. */
  detail: Type.String(),
});
export type BuildError = Static<typeof BuildErrorSchema>;

/** Longest detail that is kept, characters. */
const MAX_DETAIL = 500;

/** A failure's text without secrets: credentials and queries of URLs, long hex digits; on one line, cut where it is too long. */
export function publicDetail(detail: string): string {
  const line = detail
    .replace(/\b[0-9a-f]{64}\b/gi, '[job-id]')
    .replace(/(\w+:\/\/)[^\s/@]*@/g, '$1[secret]@')
    .replace(/(\w+:\/\/[^\s?#]*)[?#]\S*/g, '$1?[secret]')
    // A control character could forge a second entry.
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length <= MAX_DETAIL ? line : `${line.slice(0, MAX_DETAIL)}…`;
}

/** The errors as plain text, newest first (contract 2.11; asu, `ErrorLog.get_summary`). */
export function errorSummary(errors: readonly BuildError[]): string {
  const [newest] = errors;
  const oldest = errors.at(-1);
  if (!newest || !oldest) return 'No build errors recorded.';
  const lines = errors.map(
    ({ at, version, target, profile, detail }) =>
      `${new Date(at).toISOString()} ${version}:${target}:${profile} ${detail}`,
  );
  return [
    `Build Errors: ${errors.length} entries`,
    `Time range: ${new Date(oldest.at).toISOString()} to ${new Date(newest.at).toISOString()}`,
    '',
    ...lines,
  ].join('\n');
}
