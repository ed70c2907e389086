import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../../dependencies.ts';
import { versionListRoute } from '../../legacy/version-list-route.ts';

export const LegacyPackagesSchema = Type.Array(Type.String());

/** The names of all packages of a version (contract 3). */
export function legacyPackagesRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'versions'>): void {
  versionListRoute(app, {
    name: 'packages',
    summary: 'The names of all packages of a version',
    schema: LegacyPackagesSchema,
    read: (version) => deps.versions.packages(version),
  });
}
