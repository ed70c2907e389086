import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ImageSchema } from '../../../../shared/domain/profiles-json.ts';
import type { HttpDependencies } from '../../dependencies.ts';
import { versionListRoute } from '../../legacy/version-list-route.ts';

export const LegacyNamesSchema = Type.Object({
  metadata_version: Type.Literal(1),
  target: Type.String(),
  version_commit: Type.String(),
  version_number: Type.String(),
  url: Type.String(),
  models: Type.Record(
    Type.String(),
    Type.Object({ target: Type.String(), id: Type.String(), images: Type.Array(ImageSchema) }),
  ),
});

/** What people call the devices of a version (contract 3). */
export function legacyNamesRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'versions'>): void {
  versionListRoute(app, {
    name: 'names',
    summary: 'What people call the devices of a version',
    schema: LegacyNamesSchema,
    read: (version) => deps.versions.names(version),
  });
}
