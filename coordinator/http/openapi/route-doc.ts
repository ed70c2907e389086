import type { TObject, TSchema } from 'typebox';

/** What a route takes and answers, told beside its code. The schemas are the ones it validates with. */
export interface RouteDoc {
  readonly summary: string;
  readonly tag: (typeof TAGS)[number];
  readonly query?: TObject;
  readonly body?: TSchema;
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
}

export interface AnswerDoc {
  readonly description: string;
  /** Default `application/json`; no body at all when there is neither type nor schema. */
  readonly type?: string;
  readonly schema?: TSchema;
  /** What each header says, by its name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** In the order in which they are shown. */
export const TAGS = ['builds', 'lists', 'files', 'statistics', 'old clients', 'operation'] as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly doc?: RouteDoc;
  }
}
