import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { SHA256_PATTERN } from '../../../../shared/digest.ts';
import { AGENT_ID_PATTERN } from '../../../../shared/domain/agent.ts';
import { FarmError } from '../../../../shared/errors.ts';
import type { AgentControl } from '../../../agents/agent-control.ts';
import type { BuildControl } from '../../../builds/build-control.ts';
import type { QueueView } from '../../../builds/queue-view.ts';
import type { BuilderControl } from '../../../farm/builder-control.ts';
import { allowOnly } from '../../allow-only.ts';
import { ok } from '../../openapi/answers.ts';
import type { RouteDoc } from '../../openapi/route-doc.ts';
import { readQuery } from '../../read-query.ts';
import { actionRoute, REFUSED } from './action-route.ts';
import { bearerOf } from './bearer.ts';
import { adminBuilderRoutes } from './builders.ts';

export interface AdminDependencies {
  /** At least 16 characters; whoever knows it runs the farm. */
  readonly token: string;
  readonly builds: Pick<BuildControl, 'cancel' | 'prioritise' | 'retry' | 'purge'>;
  readonly agents: Pick<AgentControl, 'drain' | 'undrain'>;
  readonly builders: Pick<BuilderControl, 'pin' | 'unpin'>;
  readonly queue: Pick<QueueView, 'waiting'>;
}

const QueuedSchema = Type.Object({
  waiting: Type.Integer({ description: 'all builds that wait' }),
  builds: Type.Array(
    Type.Object({
      request_hash: Type.String(),
      builder: Type.String(),
      profile: Type.String(),
      lane: Type.String(),
      client: Type.Union([Type.String(), Type.Null()]),
      position: Type.Integer({ description: 'builds of the same builder before it' }),
      waited_seconds: Type.Number(),
    }),
  ),
});

const LIMIT = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'most builds told' }),
});

/** What operators do by hand (`wrtfarm admin`). Every route wants the bearer token. */
export function adminRoutes(app: FastifyInstance, deps: AdminDependencies): void {
  const onRequest = bearerOf(deps.token);

  const QUEUE: RouteDoc = {
    summary: 'Builds that wait, those that are claimed first at the head of each builder',
    tag: 'operation',
    query: LIMIT,
    answers: { ...ok('The queue.', QueuedSchema), 401: REFUSED[401] },
  };
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/v1/admin/queue',
    config: { doc: QUEUE },
    onRequest,
    handler: async ({ query }, reply) => reply.send(await deps.queue.waiting(readQuery(LIMIT, query).limit)),
  });
  allowOnly(app, '/api/v1/admin/queue', ['GET', 'HEAD']);

  const act = (url: string, summary: string, work: (name: string) => Promise<object>): void =>
    actionRoute<{ readonly name: string }>(app, {
      token: deps.token,
      url,
      summary,
      work: ({ name }) => work(name),
    });
  const build = (verb: string, summary: string, work: (hash: string) => Promise<object>): void =>
    act(`/api/v1/admin/builds/:name/${verb}`, summary, async (hash) => {
      if (new RegExp(SHA256_PATTERN).test(hash)) return work(hash);
      throw new FarmError('not_found', `${hash.slice(0, 80)} is no request hash: 64 hex digits`);
    });
  build('cancel', 'Ends a build that waits or is made', async (hash) => {
    await deps.builds.cancel(hash);
    return { cancelled: hash };
  });
  build('prioritise', 'Lets a waiting build be the next one', async (hash) => {
    await deps.builds.prioritise(hash);
    return { first: hash };
  });
  build('retry', 'Makes a build anew that failed or was cancelled', async (hash) => {
    const { state } = await deps.builds.retry(hash);
    return { retried: hash, state };
  });
  build('purge', 'Removes a final build with its files', async (hash) => {
    await deps.builds.purge(hash);
    return { purged: hash };
  });

  const agent = (verb: 'drain' | 'undrain', summary: string): void =>
    act(`/api/v1/admin/agents/:name/${verb}`, summary, async (id) => {
      if (!new RegExp(AGENT_ID_PATTERN).test(id))
        throw new FarmError('not_found', `${id.slice(0, 80)} is no agent's id`);
      return { agent: id, is_there: await deps.agents[verb](id), drained: verb === 'drain' };
    });
  agent('drain', 'Lets an agent finish what it has and take no more work');
  agent('undrain', 'Lets a drained agent take work again');

  adminBuilderRoutes(app, deps);
}
