import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { type Static, type TSchema, Type } from 'typebox';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { assetPath } from '../../shared/package-root.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import type { Replication } from './replication.ts';

const FOLDER = 'coordinator/builds/lua';

/** What each script of `lua/` answers; its file says what it takes. */
const ANSWERS = {
  'abandon-build': Type.Object({ status: Type.Enum(['sealed', 'gone']) }),
  'adopt-attempt': Type.Object({ status: Type.Enum(['adopted', 'current', 'refused', 'absent']) }),
  'append-log': Type.Object({
    status: Type.Enum(['kept', 'full', 'lost']),
    nextSequence: Type.Optional(Type.Integer()),
  }),
  'cancel-build': Type.Object({
    status: Type.Enum(['sealed', 'gone']),
    agentId: Type.Optional(Type.String()),
  }),
  claim: Type.Object({
    status: Type.Enum(['granted', 'empty', 'ineligible', 'superseded', 'busy', 'unknown']),
    requestHash: Type.Optional(Type.String()),
    generation: Type.Optional(Type.String()),
    attempt: Type.Optional(Type.Integer()),
    source: Type.Optional(Type.String()),
    spec: Type.Optional(Type.String()),
  }),
  'finish-build': Type.Object({ status: Type.Enum(['finished', 'already', 'gone']) }),
  'forget-build': Type.Object({ status: Type.Enum(['forgotten', 'gone']) }),
  'lose-attempt': Type.Object({
    status: Type.Enum(['queued', 'delayed', 'exhausted', 'current']),
    lane: Type.Optional(Type.String()),
    builder: Type.Optional(Type.String()),
    agentId: Type.Optional(Type.String()),
    isCounted: Type.Optional(Type.Boolean()),
  }),
  'mark-published': Type.Object({ status: Type.Enum(['noted', 'other']) }),
  'mend-times': Type.Object({ mended: Type.Integer() }),
  'open-attempt': Type.Object({
    status: Type.Enum(['open', 'ended', 'lost']),
    nextLogSequence: Type.Optional(Type.Integer()),
  }),
  'plan-warm': Type.Object({ status: Type.Enum(['planned', 'refused']) }),
  'prioritise-build': Type.Object({ status: Type.Enum(['first', 'gone']) }),
  'read-agents': Type.Object({
    agents: Type.Array(
      Type.Object({
        agentId: Type.String(),
        session: Type.String(),
        sequence: Type.Integer(),
        isSuspect: Type.Boolean(),
        isDrained: Type.Boolean(),
        running: Type.Optional(Type.Array(Type.Object({ key: Type.String(), builder: Type.String() }))),
      }),
    ),
  }),
  'reach-stage': Type.Object({ status: Type.Enum(['noted', 'lost']) }),
  'read-waiting': Type.Object({
    sets: Type.Array(
      Type.Object({
        set: Type.String(),
        count: Type.Integer(),
        first: Type.String(),
        parts: Type.Array(
          Type.Object({
            digest: Type.String(),
            count: Type.Integer(),
            first: Type.String(),
            firstScore: Type.String(),
            avoidAgent: Type.Optional(Type.String()),
          }),
        ),
      }),
    ),
  }),
  'record-pull': Type.Object({
    status: Type.Enum(['newest', 'superseded']),
    isDrained: Type.Optional(Type.Boolean()),
    revoke: Type.Optional(Type.Array(Type.String())),
    cancel: Type.Optional(Type.Array(Type.String())),
  }),
  'release-delayed': Type.Object({
    builds: Type.Array(
      Type.Object({
        requestHash: Type.String(),
        generation: Type.String(),
        attempt: Type.Integer(),
        lane: Type.String(),
        builder: Type.String(),
      }),
    ),
  }),
  'renew-lease': Type.Object({ status: Type.Enum(['renewed', 'lost']) }),
  'repin-build': Type.Object({ status: Type.Enum(['repinned', 'gone']) }),
  'restore-accepted': Type.Object({ status: Type.Enum(['restored', 'existing', 'outdated']) }),
  'restore-build': Type.Object({ status: Type.Enum(['restored', 'existing', 'expired']) }),
  'seal-attempt': Type.Object({ status: Type.Enum(['sealed', 'already', 'lost']) }),
  'start-grace': Type.Object({ status: Type.Enum(['shortened', 'passed']) }),
  submit: Type.Object({
    status: Type.Enum(['existing', 'created', 'otherLife', 'full', 'ownerFull']),
    queueLength: Type.Optional(Type.Integer()),
  }),
} as const satisfies Record<string, TSchema>;

/** What a client or an agent was told rests on these: they are confirmed by a replica before their answer is given. */
const CONFIRMED: ReadonlySet<string> = new Set<ScriptName>([
  'submit',
  'claim',
  'seal-attempt',
  'finish-build',
]);

/** A second run of these answers otherwise than the first: one that ioredis sent again answers as the first did (`common.lua`). */
const ANSWERED_ONCE: ReadonlySet<string> = new Set<ScriptName>([
  'abandon-build',
  'adopt-attempt',
  'cancel-build',
  'claim',
  'finish-build',
  'lose-attempt',
  'plan-warm',
  'prioritise-build',
  'record-pull',
  'release-delayed',
  'restore-accepted',
  'submit',
]);

export type ScriptName = keyof typeof ANSWERS;
export type ScriptAnswer<N extends ScriptName> = Static<(typeof ANSWERS)[N]>;

/** The Lua scripts, one per transition: loaded once, run atomically, each answer parsed. */
export class RedisScripts {
  readonly #redis: Redis;
  readonly #replication: Pick<Replication, 'confirm'> | undefined;
  readonly #scripts: ReadonlyMap<ScriptName, { readonly text: string; readonly sha1: string }>;

  /**
   * Reads the scripts from the package's files.
   * @param replication default: nothing waits for replicas.
   */
  constructor(redis: Redis, replication?: Pick<Replication, 'confirm'>) {
    this.#redis = redis;
    this.#replication = replication;
    const common = readFileSync(assetPath(`${FOLDER}/common.lua`), 'utf8');
    this.#scripts = new Map(
      (Object.keys(ANSWERS) as ScriptName[]).map((name) => {
        const text = `${common}\n${readFileSync(assetPath(`${FOLDER}/${name}.lua`), 'utf8')}`;
        return [name, { text, sha1: createHash('sha1').update(text).digest('hex') }];
      }),
    );
  }

  /**
   * Runs a script.
   * @param payload a second argument that is not JSON, such as a log chunk.
   * @throws FarmError `conflict` for an illegal move (both states named), `unavailable` when Redis does not answer.
   */
  async run<N extends ScriptName>(
    name: N,
    args: Readonly<Record<string, unknown>>,
    payload?: string | Buffer,
  ): Promise<ScriptAnswer<N>> {
    const script = this.#scripts.get(name);
    if (!script) throw new FarmError('internal', `no script ${name}`);
    const call = ANSWERED_ONCE.has(name) ? { call: randomBytes(12).toString('hex') } : {};
    const text = JSON.stringify({ ...args, ...call });
    const values = payload === undefined ? [text] : [text, payload];
    try {
      const answer = await this.#redis.evalsha(script.sha1, 0, ...values).catch((thrown: unknown) => {
        if (!messageOf(thrown).includes('NOSCRIPT')) throw thrown;
        return this.#redis.eval(script.text, 0, ...values);
      });
      if (CONFIRMED.has(name)) await this.#replication?.confirm();
      return parseJsonAs(ANSWERS[name], String(answer), `answer of ${name}.lua`) as ScriptAnswer<N>;
    } catch (thrown) {
      throw translate(name, thrown);
    }
  }
}

function translate(name: ScriptName, thrown: unknown): FarmError {
  if (thrown instanceof FarmError) return thrown;
  const message = messageOf(thrown);
  const illegal = /ILLEGAL_MOVE (.*?)(?: script:|$)/.exec(message);
  if (illegal) return new FarmError('conflict', illegal[1] ?? message, { cause: thrown });
  return new FarmError('unavailable', `Redis did not run ${name}: ${message}`, {
    cause: thrown,
    details: { service: 'database' },
  });
}
