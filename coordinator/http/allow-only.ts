import type { FastifyInstance } from 'fastify';
import { simple } from './errors.ts';
import { sendError } from './send-error.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type RouteMethod = (typeof METHODS)[number];

/** Answers the other methods of a path with 405 and the methods it has (contract 2.1). */
export function allowOnly(app: FastifyInstance, url: string, methods: readonly RouteMethod[]): void {
  const others = METHODS.filter((method) => !methods.includes(method));
  const allow = [...methods, 'OPTIONS'].join(', ');
  app.route({
    method: others,
    url,
    handler: (_request, reply) => sendError(reply, simple(405, 'Method Not Allowed', { allow })),
  });
}
