import type { FastifyInstance } from 'fastify';
import type { TSchema } from 'typebox';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, NOT_FOUND, ok } from '../openapi/answers.ts';
import { sendUpstreamJson } from '../upstream-json.ts';

/** A list about one version that asu v0.3.0 had as a file. */
export interface VersionList {
  /** First part of the file's name, `profiles-SNAPSHOT.json`, and of the path `/api/profiles/SNAPSHOT`. */
  readonly name: 'profiles' | 'names' | 'packages';
  readonly summary: string;
  readonly schema: TSchema;
  readonly read: (version: string) => Promise<Buffer | undefined>;
}

/** Serves a list where v0.3.0 did: `/api/{name}/{version}` and, for its web page, `/{name}-{version}.json`. */
export function versionListRoute(app: FastifyInstance, { name, summary, schema, read }: VersionList): void {
  const doc = {
    summary,
    tag: 'old clients' as const,
    answers: { ...ok('The list.', schema), 404: NOT_FOUND, 502: BAD_GATEWAY },
  };
  for (const url of [`/api/${name}/:version`, `/${name}-:version`]) {
    getRoute<{ Params: { version: string } }>(app, url, doc, ({ params }, reply) => {
      const version = params.version.replace(/\.json$/, '');
      return sendUpstreamJson(reply, `Unknown version: ${version.slice(0, 64)}`, () => read(version));
    });
  }
}
