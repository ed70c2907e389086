import type { FastifyInstance } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { allowOnly } from '../../allow-only.ts';
import { ErrorSchema, ok } from '../../openapi/answers.ts';
import type { AnswerDoc, RouteDoc } from '../../openapi/route-doc.ts';
import { bearerOf } from './bearer.ts';

/** Answers of an admin route that does not do what it is asked for, by status. */
export const REFUSED: Readonly<Record<401 | 404 | 409, AnswerDoc>> = {
  401: { description: 'No token, or a wrong one.', schema: ErrorSchema },
  404: { description: 'There is no such build, agent or builder.', schema: ErrorSchema },
  409: { description: 'Its state does not allow that.', schema: ErrorSchema },
};

export interface ActionRoute<P> {
  /** The bearer token it wants. */
  readonly token: string;
  /** Its last part is a verb. */
  readonly url: string;
  readonly summary: string;
  /** What is answered; default: some object. */
  readonly done?: TSchema;
  readonly work: (params: P) => Promise<object>;
}

/** Adds a POST with which an operator does something to what the path names. */
export function actionRoute<P>(app: FastifyInstance, route: ActionRoute<P>): void {
  const { token, url, summary, done = Type.Object({}), work } = route;
  const doc: RouteDoc = { summary, tag: 'operation', answers: { ...ok('Done.', done), ...REFUSED } };
  const options = { config: { doc }, onRequest: bearerOf(token) };
  app.post<{ Params: P }>(url, options, async ({ params }, reply) => reply.send(await work(params as P)));
  allowOnly(app, url, ['POST']);
}
