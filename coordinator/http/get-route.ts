import type {
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
  RouteGenericInterface,
  RouteHandlerMethod,
} from 'fastify';
import { allowOnly } from './allow-only.ts';
import type { RouteDoc } from './openapi/route-doc.ts';

type Handler<R extends RouteGenericInterface> = RouteHandlerMethod<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  R
>;

/** Adds a route that is only read: GET, HEAD with the same headers and no body, and 405 for all else. */
export function getRoute<R extends RouteGenericInterface>(
  app: FastifyInstance,
  url: string,
  doc: RouteDoc,
  handler: Handler<R>,
): void {
  app.route<R>({ method: ['GET', 'HEAD'], url, config: { doc }, handler });
  allowOnly(app, url, ['GET', 'HEAD']);
}
