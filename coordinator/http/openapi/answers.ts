import { type TSchema, Type } from 'typebox';
import { SHA256_PATTERN } from '../../../shared/digest.ts';
import { STAGES } from '../../../shared/domain/build.ts';
import { ImageSchema, ProfileSchema } from '../../../shared/domain/profiles-json.ts';
import type { AnswerDoc } from './route-doc.ts';

/* What answers look like. Tests hold real answers against these. */

export const ErrorSchema = Type.Object({ detail: Type.String(), status: Type.Integer() });

/** Source: FastAPI and pydantic, which asu's clients see (contract 2.3). */
const FieldProblemSchema = Type.Object({
  type: Type.String(),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
  input: Type.Unknown(),
  ctx: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const UnprocessableSchema = Type.Object({
  detail: Type.Union([Type.String(), Type.Array(FieldProblemSchema)]),
  status: Type.Literal(422),
});

const common = { request_hash: Type.String({ pattern: SHA256_PATTERN }), enqueued_at: Type.String() };
const request = Type.Record(Type.String(), Type.Unknown(), {
  description: 'the request, defaults filled in',
});

const eta = {
  eta_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: 'until it is expected to be final; absent while nobody can say',
    }),
  ),
};

export const QueuedSchema = Type.Object({
  status: Type.Literal(202),
  detail: Type.Literal('queued'),
  queue_position: Type.Integer({ minimum: 0, description: 'builds that will run before this one' }),
  ...eta,
  ...common,
});

export const StartedSchema = Type.Object({
  status: Type.Literal(202),
  detail: Type.Literal('started'),
  imagebuilder_status: Type.Enum([...STAGES]),
  ...eta,
  request,
  ...common,
});

export const DoneSchema = Type.Object({
  ...common,
  ...ProfileSchema.properties,
  status: Type.Literal(200),
  detail: Type.Literal('done'),
  imagebuilder_status: Type.Literal('done'),
  id: Type.String({ description: 'the profile' }),
  target: Type.String(),
  version_number: Type.String(),
  version_code: Type.String(),
  images: Type.Array(ImageSchema),
  bin_dir: Type.String({ description: 'images lie at /store/{bin_dir}/{name}' }),
  manifest: Type.Record(Type.String(), Type.String(), { description: 'versions by package' }),
  build_at: Type.String({ description: 'date of the source, not of the build' }),
  build_cmd: Type.Array(Type.String()),
  stdout: Type.String(),
  stderr: Type.String(),
  request,
});

export const FailedSchema = Type.Object({
  ...common,
  status: Type.Literal(500),
  detail: Type.String(),
  imagebuilder_status: Type.Literal('failed'),
  stdout: Type.String(),
  stderr: Type.String(),
  request,
});

const STATUS_HEADERS = {
  'X-Imagebuilder-Status': 'where the build is: queued, a stage, done or failed',
  'X-Queue-Position': 'builds that will run before this one',
};
const ETA = { 'X-Eta-Seconds': 'until the build is expected to be final; absent while nobody can say' };
export const RETRY_AFTER = { 'Retry-After': 'seconds after which asking again makes sense' };

/** What every question about a build may be answered with. */
export const BUILD_ANSWERS = {
  200: { description: 'The image is built.', schema: DoneSchema, headers: STATUS_HEADERS },
  202: {
    description: 'The build waits or is being made.',
    schema: Type.Union([QueuedSchema, StartedSchema]),
    headers: { ...STATUS_HEADERS, ...ETA, ...RETRY_AFTER },
  },
  500: { description: 'The build failed.', schema: FailedSchema, headers: STATUS_HEADERS },
} as const satisfies Record<number, AnswerDoc>;

export const BAD_REQUEST: AnswerDoc = {
  description: 'This server does not build that.',
  schema: ErrorSchema,
};

export const UNPROCESSABLE: AnswerDoc = {
  description: 'Something in the request is not valid, or a package is unknown.',
  schema: UnprocessableSchema,
  headers: { 'X-Unknown-Package': 'the first unknown package' },
};

export const OVERLOADED: AnswerDoc = {
  description: 'Too many builds wait.',
  schema: ErrorSchema,
  headers: RETRY_AFTER,
};

export const TOO_MANY: AnswerDoc = {
  description: 'This client, or all of them together, ask for more at once than this server gives.',
  schema: ErrorSchema,
  headers: RETRY_AFTER,
};

export const TOO_LARGE: AnswerDoc = {
  description: 'The body is larger than any request needs to be.',
  schema: ErrorSchema,
};

export const UNAVAILABLE: AnswerDoc = {
  description: 'Something that is needed for this does not answer now.',
  schema: ErrorSchema,
  headers: RETRY_AFTER,
};

export const NOT_FOUND: AnswerDoc = { description: 'There is no such thing.', schema: ErrorSchema };

export const BAD_GATEWAY: AnswerDoc = {
  description: 'Upstream cannot be read, and nothing is remembered.',
  schema: ErrorSchema,
  headers: RETRY_AFTER,
};

/** An answer of 200. */
export function ok(description: string, schema: TSchema): { readonly 200: AnswerDoc } {
  return { 200: { description, schema } };
}

/** An answer of 200 that is a text of the type given. */
export function okText(description: string, type: string): { readonly 200: AnswerDoc } {
  return { 200: { description, type } };
}
