import type { FastifyInstance, RouteOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { type AnswerDoc, type RouteDoc, TAGS } from './route-doc.ts';

/** A documented route. */
export interface DocumentedRoute {
  /** In small letters. */
  readonly method: string;
  /** As the router knows it: `/store/:folder/:name`. */
  readonly url: string;
  readonly doc: RouteDoc;
}

/** Keeps what is said about each route that is added from now on. */
export function collectRouteDocs(app: FastifyInstance): readonly DocumentedRoute[] {
  const routes: DocumentedRoute[] = [];
  app.addHook('onRoute', ({ method, url, config }: RouteOptions) => {
    const doc = config?.doc;
    if (!doc) return;
    for (const each of [method].flat()) routes.push({ method: each.toLowerCase(), url, doc });
  });
  return routes;
}

/** An OpenAPI document. Source: OpenAPI specification 3.1.0; its schemas are JSON Schema 2020-12, as typebox makes them. */
export function openApiDocument(
  routes: readonly DocumentedRoute[],
  info: { readonly version: string },
): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = openApiPath(route.url);
    paths[path] ??= {};
    paths[path][route.method] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'wrtfarm',
      version: info.version,
      description: 'Builds OpenWrt firmware images on demand, for every client of asu.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: TAGS.map((name) => ({ name })),
    paths,
  };
}

/** `/store/:folder/*` → `/store/{folder}/{path}`. */
export function openApiPath(url: string): string {
  return url.replace(/:(\w+)(\([^/]*\))?/g, '{$1}').replace('*', '{path}');
}

function operationOf({ method, url, doc }: DocumentedRoute): Readonly<Record<string, unknown>> {
  const inPath = [...openApiPath(url).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(doc.query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (doc.query?.required?.includes(name) ?? false) && !('default' in schema),
    schema,
  }));
  return {
    operationId: `${method} ${openApiPath(url)}`,
    summary: doc.summary,
    tags: [doc.tag],
    ...(inPath.length + inQuery.length > 0 ? { parameters: [...inPath, ...inQuery] } : {}),
    ...(doc.body ? { requestBody: { required: true, content: contentOf(doc.body) } } : {}),
    responses: Object.fromEntries(
      Object.entries(doc.answers).map(([status, answer]) => [status, responseOf(answer, method)]),
    ),
  };
}

function responseOf(answer: AnswerDoc, method: string): Readonly<Record<string, unknown>> {
  const { description, headers, schema, type } = answer;
  const hasBody = method !== 'head' && (schema !== undefined || type !== undefined);
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: 'string' } },
            ]),
          ),
        }
      : {}),
    ...(hasBody ? { content: contentOf(schema ?? { type: 'string' }, type) } : {}),
  };
}

function contentOf(schema: TSchema, type = 'application/json'): Readonly<Record<string, unknown>> {
  return { [type]: { schema } };
}
