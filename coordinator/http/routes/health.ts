import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ErrorSchema, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const ALIVE: RouteDoc = {
  summary: 'Whether this process is alive',
  tag: 'operation',
  answers: ok('It is.', ErrorSchema),
};

const ReadinessSchema = Type.Object({
  ready: Type.Boolean(),
  checks: Type.Record(
    Type.String(),
    Type.Object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) }),
  ),
  ...ErrorSchema.properties,
});

const READY: RouteDoc = {
  summary: 'Whether this coordinator can do its work',
  tag: 'operation',
  answers: {
    ...ok('It can.', ReadinessSchema),
    503: { description: 'Something it needs is missing.', schema: ReadinessSchema },
  },
};

/** For whoever restarts this process (`/healthz`), and whoever sends it requests (`/readyz`). */
export function healthRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'readiness'>): void {
  getRoute(app, '/healthz', ALIVE, (_request, reply) => reply.send({ detail: 'ok', status: 200 }));
  getRoute(app, '/readyz', READY, async (_request, reply) => {
    const { ready, checks } = await deps.readiness();
    const failing = Object.entries(checks).filter(([, check]) => !check.ok);
    const detail = ready ? 'ready' : `not ready: ${failing.map(([name]) => name).join(', ')}`;
    const status = ready ? 200 : 503;
    return reply.code(status).send({ ready, checks, detail, status });
  });
}
