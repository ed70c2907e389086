import type { FastifyReply } from 'fastify';
import { type ErrorAnswer, errorAnswer } from '../errors.ts';
import type { FieldProblem } from '../field-problems.ts';
import { sendError } from '../send-error.ts';

/** What was wrong with a request, in one word of asu v0.3.0 (contract 3). */
export type LegacyProblem =
  | 'bad_distro'
  | 'bad_version'
  | 'bad_target'
  | 'bad_profile'
  | 'bad_packages'
  | 'bad_request'
  | 'not_found'
  | 'overloaded'
  | 'error';

/** A refusal: `status` is the word, `message` and `detail` both say it for people. */
export function sendLegacyRefusal(
  reply: FastifyReply,
  httpStatus: number,
  status: LegacyProblem,
  message: string,
): FastifyReply {
  return reply.code(httpStatus).send({ status, message, detail: message });
}

/** What a thrown value becomes under `/api/build`. */
export function sendLegacyError(reply: FastifyReply, thrown: unknown): ErrorAnswer {
  const answer = errorAnswer(thrown);
  const message = messageFor(answer.body.detail);
  const body = { ...answer.body, status: wordFor(answer), message, detail: message };
  sendError(reply, { ...answer, body });
  return answer;
}

function wordFor({ status, headers, body }: ErrorAnswer): LegacyProblem {
  if (status === 422 && (headers['x-unknown-package'] !== undefined || isAboutPackages(body.detail))) {
    return 'bad_packages';
  }
  if (status === 529 || status === 429) return 'overloaded';
  return status >= 500 ? 'error' : 'bad_request';
}

function isAboutPackages(detail: unknown): boolean {
  return Array.isArray(detail) && (detail as FieldProblem[])[0]?.loc[1] === 'packages';
}

/** A list of problems as one text: the first clients show nothing else. */
function messageFor(detail: unknown): string {
  if (!Array.isArray(detail)) return String(detail);
  return (detail as FieldProblem[])
    .map(({ loc, msg }) => `${loc.slice(1).join('.') || 'body'}: ${msg}`)
    .join('; ');
}
