import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../../dependencies.ts';
import { versionListRoute } from '../../legacy/version-list-route.ts';

export const LegacyProfilesSchema = Type.Object({
  metadata_version: Type.Literal(1),
  target: Type.String(),
  version_commit: Type.String(),
  version_number: Type.String(),
  url: Type.String(),
  profiles: Type.Record(Type.String(), Type.Object({ target: Type.String() })),
});

/** The target of each profile of a version (contract 3). */
export function legacyProfilesRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'versions'>): void {
  versionListRoute(app, {
    name: 'profiles',
    summary: 'The target of each profile of a version',
    schema: LegacyProfilesSchema,
    read: (version) => deps.versions.profiles(version),
  });
}
