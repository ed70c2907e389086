import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ShownFarm } from '../../farm/shown-farm.ts';
import { getRoute } from '../get-route.ts';
import { ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const Nullable = <T extends 'number' | 'string'>(of: T) =>
  Type.Union([of === 'number' ? Type.Number() : Type.String(), Type.Null()]);

export const AgentsSchema = Type.Object({
  agents: Type.Array(
    Type.Object({
      id: Type.String(),
      software: Type.String({ description: 'version of wrtfarm' }),
      arch: Nullable('string'),
      slots: Type.Integer(),
      running: Type.Integer({ description: 'builds it makes now' }),
      warm: Type.Array(Type.String(), { description: 'builders it has ready: 24.10.4 x86/64' }),
      warming: Type.Array(Type.String(), { description: 'builders it fetches' }),
      load_per_core: Type.Number(),
      cpu_pressure: Nullable('number'),
      disk_free_bytes: Type.Integer(),
      disk_budget_bytes: Nullable('number'),
      state: Type.Enum(['working', 'draining', 'silent']),
    }),
  ),
});

export const BuildersSchema = Type.Object({
  builders: Type.Array(
    Type.Object({
      name: Type.String(),
      distro: Type.String(),
      version: Type.String(),
      target: Type.String(),
      pinned: Type.Boolean({ description: 'the operator wants it warm always' }),
      waiting: Type.Integer({ description: 'builds that wait for it' }),
      running: Type.Integer(),
      warm_on: Type.Array(Type.String(), { description: 'agents that have it ready' }),
      warming_on: Type.Array(Type.String(), { description: 'agents that fetch it' }),
      median_seconds: Nullable('number'),
      eta_seconds: Type.Union([
        Type.Integer({ description: 'until a build asked for now would be done' }),
        Type.Null(),
      ]),
    }),
  ),
});

const AGENTS: RouteDoc = {
  summary: 'The agents of the farm',
  tag: 'operation',
  answers: ok('As their newest pulls told.', AgentsSchema),
};
const BUILDERS: RouteDoc = {
  summary: 'The builders that are warm somewhere, waited for or pinned',
  tag: 'operation',
  answers: ok('Those most waited for first.', BuildersSchema),
};

/** Who works here and what is ready; the same at every coordinator. */
export function farmRoutes(app: FastifyInstance, view: Pick<ShownFarm, 'agents' | 'builders'>): void {
  getRoute(app, '/api/v1/agents', AGENTS, async (_request, reply) =>
    reply.send({ agents: await view.agents() }),
  );
  getRoute(app, '/api/v1/builders', BUILDERS, async (_request, reply) =>
    reply.send({ builders: await view.builders() }),
  );
}
