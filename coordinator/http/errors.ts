import { ERROR_CODES, FarmError } from '../../shared/errors.ts';
import type { FieldProblem } from './field-problems.ts';

interface ErrorBody {
  readonly detail: unknown;
  /** The number but under `/api/build`, where it is a word. */
  readonly status: number | string;
  readonly [key: string]: unknown;
}

/** A failure as the client API tells it: always JSON with `detail` and `status` (pitfall 13). */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
  /** Whether it is our fault and its text only for the log. */
  readonly isOurFault: boolean;
}

/** Seconds after which something that does not answer now is worth another try. */
const UNAVAILABLE_RETRY_SECONDS = 5;
const OVERLOADED_RETRY_SECONDS = 60;

/** What a thrown value becomes on the wire. */
export function errorAnswer(thrown: unknown): ErrorAnswer {
  const framework = frameworkStatus(thrown);
  if (framework !== undefined) return simple(framework, frameworkDetail(framework, thrown));
  const error = FarmError.from(thrown);
  switch (error.code) {
    case 'internal':
    case 'infrastructure':
      return { ...simple(500, 'Internal Server Error'), isOurFault: true };
    case 'invalid_request':
      return invalidRequest(error);
    case 'resource_exhausted':
      return overloaded(error);
    case 'unavailable':
      return unavailable(503, error);
    default:
      return simple(ERROR_CODES[error.code].http, error.message);
  }
}

/** Something this server needs does not answer now. Where that is a known thing, the reason may name hosts of this farm and is for the log. */
export function unavailable(status: 502 | 503, error: FarmError): ErrorAnswer {
  return simple(status, unavailableDetail(error), { 'retry-after': String(UNAVAILABLE_RETRY_SECONDS) });
}

function unavailableDetail({ details: { document, service }, message }: FarmError): string {
  if (typeof document === 'string')
    return `${document} could not be read from upstream. Please try again later.`;
  if (typeof service === 'string') return `The farm’s ${service} does not answer. Please try again later.`;
  return message;
}

/** An answer of the status and text given. */
export function simple(
  status: number,
  detail: unknown,
  headers: Readonly<Record<string, string>> = {},
): ErrorAnswer {
  return { status, headers, body: { detail, status }, isOurFault: false };
}

function invalidRequest(error: FarmError): ErrorAnswer {
  const { problems, unknownPackages, failsAs } = error.details;
  if (problems !== undefined) return simple(422, problems, unknownPackageHeader(badPackage(problems)));
  if (Array.isArray(unknownPackages)) {
    return simple(422, error.message, unknownPackageHeader(String(unknownPackages[0])));
  }
  if (failsAs !== undefined) return failed(error.message);
  return simple(400, error.message);
}

/** auc shows this header of a 422 and never reads the body. */
function unknownPackageHeader(name: string | undefined): Readonly<Record<string, string>> {
  return name === undefined ? {} : { 'x-unknown-package': encodeURI(name) };
}

/** The first text that cannot be a package, if that is what is wrong. */
function badPackage(problems: unknown): string | undefined {
  const found = (problems as FieldProblem[]).find(({ loc, type }) => {
    return type === 'string_pattern_mismatch' && String(loc[1]).startsWith('packages');
  });
  return found && String(found.loc.at(-1) === '[key]' ? found.loc.at(-2) : found.input);
}

/** A build that would fail, told as one that did: auc shows what a 500 says, and never reads a 400 (contract 1.4). */
function failed(reason: string): ErrorAnswer {
  const body = {
    detail: `Error: ${reason}`,
    status: 500,
    imagebuilder_status: 'failed',
    stdout: '',
    stderr: '',
  };
  const headers = { 'x-imagebuilder-status': 'failed', 'x-queue-position': '0' };
  return { status: 500, headers, body, isOurFault: false };
}

/** Source of status and text: asu, routers/api.py. */
function overloaded(error: FarmError): ErrorAnswer {
  const { queueLength, retryAfterSeconds = UNAVAILABLE_RETRY_SECONDS } = error.details;
  if (queueLength === undefined)
    return simple(429, error.message, { 'retry-after': String(retryAfterSeconds) });
  const detail = `server overload, queue contains too many build requests: ${queueLength}`;
  return {
    status: 529,
    headers: { 'retry-after': String(OVERLOADED_RETRY_SECONDS) },
    body: { status: 529, title: 'Server overloaded', detail },
    isOurFault: false,
  };
}

/** The 4xx status of an error that fastify made; undefined for all others. */
function frameworkStatus(thrown: unknown): number | undefined {
  if (thrown instanceof FarmError || !(thrown instanceof Error)) return undefined;
  if (!('code' in thrown) || !String(thrown.code).startsWith('FST_ERR_')) return undefined;
  const status = 'statusCode' in thrown ? thrown.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function frameworkDetail(status: number, thrown: unknown): string {
  return status === 413 ? 'Request body is too large' : thrown instanceof Error ? thrown.message : '';
}
