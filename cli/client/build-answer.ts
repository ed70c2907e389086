import { type Static, Type } from 'typebox';
import type { Stage } from '../../shared/domain/build.ts';
import { ImageSchema } from '../../shared/domain/profiles-json.ts';
import { parseAs } from '../../shared/schema.ts';

/** A finished build as the client API tells it; asu's and ours alike. */
const DoneSchema = Type.Object({
  request_hash: Type.String(),
  bin_dir: Type.String({ pattern: '^[A-Za-z0-9._-]+$' }),
  images: Type.Array(ImageSchema),
  manifest: Type.Record(Type.String(), Type.String()),
  version_number: Type.String(),
  version_code: Type.Optional(Type.String()),
  target: Type.Optional(Type.String()),
});
export type FinishedBuild = Static<typeof DoneSchema>;

const UnfinishedSchema = Type.Object({
  request_hash: Type.String({ pattern: '^[A-Za-z0-9._-]+$' }),
  queue_position: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Not of asu. */
  eta_seconds: Type.Optional(Type.Integer({ minimum: 0 })),
  imagebuilder_status: Type.Optional(Type.String()),
});

const FailedSchema = Type.Object({
  detail: Type.Optional(Type.Unknown()),
  stdout: Type.Optional(Type.Unknown()),
  stderr: Type.Optional(Type.Unknown()),
  request_hash: Type.Optional(Type.String()),
});

/** What a server says of a build. */
export type BuildAnswer =
  | {
      readonly kind: 'queued';
      readonly hash: string;
      readonly position: number | undefined;
      /** Until it is expected to be done. */
      readonly etaSeconds: number | undefined;
    }
  | { readonly kind: 'running'; readonly hash: string; readonly stage: Stage | string }
  | { readonly kind: 'done'; readonly build: FinishedBuild }
  | {
      /** `build`: the build failed. `request`: it was not taken. */
      readonly kind: 'failed';
      readonly what: 'build' | 'request';
      readonly status: number;
      readonly reason: string;
      /** The end of what the ImageBuilder said, may be empty. */
      readonly output: string;
    };

export type FinalAnswer = Extract<BuildAnswer, { readonly kind: 'done' | 'failed' }>;
export type UnfinishedAnswer = Exclude<BuildAnswer, FinalAnswer>;

/** Reads an answer of POST or GET /api/v1/build. Throws `invalid_request` when it is not one. */
export function readBuildAnswer(status: number, body: unknown): BuildAnswer {
  if (status === 200) return { kind: 'done', build: parseAs(DoneSchema, body, 'the finished build') };
  if (status === 202) {
    const answer = parseAs(UnfinishedSchema, body, 'the waiting build');
    const { request_hash: hash, queue_position: position, eta_seconds: etaSeconds } = answer;
    const stage = answer.imagebuilder_status;
    return stage === undefined
      ? { kind: 'queued', hash, position, etaSeconds }
      : { kind: 'running', hash, stage };
  }
  const failed = parseAs(FailedSchema, typeof body === 'object' && body !== null ? body : {}, 'the failure');
  const isBuild = status === 500 && failed.request_hash !== undefined;
  return {
    kind: 'failed',
    what: isBuild ? 'build' : 'request',
    status,
    reason: reasonOf(failed.detail, status),
    output: [failed.stdout, failed.stderr]
      .filter((text) => typeof text === 'string' && text !== '')
      .join('\n'),
  };
}

/** `detail` is a text, or for a malformed request a list of problems (FastAPI's shape, contract 2.3). */
function reasonOf(detail: unknown, status: number): string {
  if (typeof detail === 'string' && detail !== '') return detail;
  if (!Array.isArray(detail)) return `the server answers ${status}`;
  return detail
    .map((problem: unknown) => {
      if (typeof problem !== 'object' || problem === null) return String(problem);
      const where = 'loc' in problem && Array.isArray(problem.loc) ? problem.loc.slice(1).join('.') : '';
      const what = 'msg' in problem ? String(problem.msg) : JSON.stringify(problem);
      return where ? `${where}: ${what}` : what;
    })
    .join('; ');
}
