import { FarmError } from '../../shared/errors.ts';
import type { BuildRecord, ResolvedRequest } from '../builds/build-record.ts';
import type { BuildRequest } from '../catalog/build-request.ts';
import type { HttpDependencies } from './dependencies.ts';
import { FieldProblems } from './field-problems.ts';
import { parseBuildRequest } from './parse-build-request.ts';

export interface AskDependencies extends Pick<HttpDependencies, 'resolve'> {
  readonly catalog: Pick<HttpDependencies['catalog'], 'distribution'>;
  readonly submit: (resolved: ResolvedRequest) => Promise<BuildRecord>;
}

/**
 * The build that a client's parsed JSON body asks for.
 * @param userAgent tells the client where the body does not.
 * @throws FarmError as reading, resolving and submitting a request do; a missing profile like any other missing field.
 */
export async function askForBuild(
  deps: AskDependencies,
  body: unknown,
  userAgent: string | undefined,
): Promise<BuildRecord> {
  const parsed = parseBuildRequest(body, (distro) => deps.catalog.distribution(distro)?.limits);
  const resolved = await resolve(deps, { ...parsed, client: parsed.client ?? clientOf(userAgent) }, body);
  return deps.submit(resolved);
}

/** Whether a profile is needed shows only now; a missing one is told like any other missing field. */
async function resolve(
  deps: AskDependencies,
  request: BuildRequest,
  body: unknown,
): Promise<ResolvedRequest> {
  try {
    return await deps.resolve(request);
  } catch (thrown) {
    const field = thrown instanceof FarmError ? thrown.details.missingField : undefined;
    if (typeof field !== 'string') throw thrown;
    return new FieldProblems().fail('missing', [field], 'Field required', body);
  }
}

/** auc tells its name only here: `auc (0.2.5)`, `auc/0.3.2-1`, `/usr/sbin/auc/0.3.2`. */
function clientOf(userAgent: string | undefined): string | null {
  const version = /^(?:\S*\/)?auc(?:\/| \()([\w.-]{1,32})\)?$/.exec(userAgent ?? '')?.[1];
  return version === undefined ? null : `auc/${version}`;
}
