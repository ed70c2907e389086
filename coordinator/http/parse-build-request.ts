import type { TObject } from 'typebox';
import type { BuildRequest } from '../catalog/build-request.ts';
import type { RequestLimits } from '../catalog/distribution.ts';
import { DEFAULT_LIMITS } from '../catalog/limits.ts';
import { FieldProblems } from './field-problems.ts';
import { type FieldSource, ModelSchema, RequestModel } from './request-model.ts';
import * as values from './request-values.ts';

/** The limits of a distribution; undefined for one that is not known. */
export type LimitsOf = (distro: string) => RequestLimits | undefined;

/**
 * A client's parsed JSON body as a build request; unknown keys are ignored.
 * @param limitsOf default: asu's limits for all.
 * @throws FarmError `invalid_request` that becomes a 422 telling all failing fields in the order of asu's model.
 */
export function parseBuildRequest(body: unknown, limitsOf?: LimitsOf): BuildRequest {
  const problems = new FieldProblems();
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    const request = readModel(new RequestModel(problems, body), limitsOf);
    problems.throwIfAny();
    return request;
  }
  const msg = 'Input should be a valid dictionary or object to extract fields from';
  return problems.fail('model_attributes_type', [], msg, body);
}

/** What `parseBuildRequest` takes, as a JSON schema made of the very rules it reads by. */
export function buildRequestSchema(limits: RequestLimits = DEFAULT_LIMITS): TObject {
  const model = new ModelSchema();
  readModel(model, () => limits);
  return model.schema();
}

/** Read, and so told, in this order. */
function readModel(model: FieldSource, limitsOf: LimitsOf | undefined): BuildRequest {
  const distro = model.optional('distro', values.readName, 'openwrt');
  const limited = values.limitedReaders(limitsOf?.(distro) ?? DEFAULT_LIMITS);
  return {
    distro,
    version: model.required('version', values.readName, ''),
    versionCode: model.optional('version_code', values.readVersionCode, ''),
    target: model.required('target', values.readTarget, ''),
    profile: model.nullable('profile', values.readName)?.replaceAll(',', '_') ?? null,
    packages: model.optional('packages', values.readPackages, []),
    packagesVersions: model.optional('packages_versions', values.readPackagesVersions, {}),
    diffPackages: model.optional('diff_packages', values.readDiffPackages, false),
    defaults: model.nullable('defaults', limited.defaults),
    rootfsSizeMb: model.nullable('rootfs_size_mb', limited.rootfsSize),
    filesystem: model.nullable('filesystem', values.readFilesystem),
    repositories: model.optional('repositories', values.readRepositories, {}),
    repositoriesMode: model.optional('repositories_mode', values.readRepositoriesMode, 'replace'),
    repositoryKeys: model.optional('repository_keys', values.readRepositoryKeys, []),
    client: model.nullable('client', values.readClient),
  };
}
