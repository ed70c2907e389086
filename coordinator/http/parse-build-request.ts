import type { BuildRequest } from '../catalog/build-request.ts';
import { FieldProblems } from './field-problems.ts';
import { readBoolean } from './field-readers.ts';
import { RequestModel } from './request-model.ts';
import * as values from './request-values.ts';

/**
 * A client's parsed JSON body as a build request; unknown keys are ignored.
 * @throws FarmError `invalid_request` that becomes a 422 telling all failing fields in the order of asu's model.
 */
export function parseBuildRequest(body: unknown): BuildRequest {
  const problems = new FieldProblems();
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    const request = readModel(new RequestModel(problems, body));
    problems.throwIfAny();
    return request;
  }
  const msg = 'Input should be a valid dictionary or object to extract fields from';
  return problems.fail('model_attributes_type', [], msg, body);
}

/** Read, and so told, in this order. */
function readModel(model: RequestModel): BuildRequest {
  return {
    distro: model.optional('distro', values.readName, 'openwrt'),
    version: model.required('version', values.readName, ''),
    versionCode: model.optional('version_code', values.readVersionCode, ''),
    target: model.required('target', values.readTarget, ''),
    profile: model.nullable('profile', values.readName)?.replaceAll(',', '_') ?? null,
    packages: model.optional('packages', values.readPackages, []),
    packagesVersions: model.optional('packages_versions', values.readPackagesVersions, {}),
    diffPackages: model.optional('diff_packages', readBoolean, false),
    defaults: model.nullable('defaults', values.readDefaults),
    rootfsSizeMb: model.nullable('rootfs_size_mb', values.readRootfsSize),
    filesystem: model.nullable('filesystem', values.readFilesystem),
    repositories: model.optional('repositories', values.readRepositories, {}),
    repositoriesMode: model.optional('repositories_mode', values.readRepositoriesMode, 'replace'),
    repositoryKeys: model.optional('repository_keys', values.readRepositoryKeys, []),
    client: model.nullable('client', values.readClient),
  };
}
