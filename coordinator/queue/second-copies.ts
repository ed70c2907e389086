import { nanos, RetentionPolicy, StorageType, type StoredMsg } from 'nats';
import { FarmError } from '../../shared/errors.ts';
import { type AcceptedBuild, AcceptedBuildSchema } from '../../shared/messages/job.ts';
import { ACCEPTED_STREAM, acceptedSubject } from '../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { firstOf, isNotFound, type JetStream } from './jetstream.ts';

/** A copy that others changed between a look and a write is looked at again so often. */
const TRIES = 5;

/**
 * The second copy of every unfinished build, in the stream ACCEPTED: one message a request hash, the newest. A copy is a candidate,
 * never proof: nats-server that is killed may bring back what was removed. All methods throw FarmError `unavailable`.
 */
export class SecondCopies {
  readonly #jetstream: JetStream;

  constructor(jetstream: JetStream) {
    this.#jetstream = jetstream;
  }

  /** Makes the stream where it is missing. */
  async ensureStream(): Promise<void> {
    await this.#jetstream.ensureStream({
      name: ACCEPTED_STREAM,
      subjects: ['accepted.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      storage: StorageType.File,
      num_replicas: 1,
      duplicate_window: nanos(120_000),
    });
  }

  /**
   * Keeps a build until its final state, in place of an earlier one of its hash, never of a later one: a coordinator that was frozen
   * may come with a build that is over. Safe to repeat.
   * @param unfinished the generation that Redis has unfinished under this hash now, if any. Asked where there is a copy of another one;
   * while Redis does not answer either, their times decide.
   */
  async keep(build: AcceptedBuild, unfinished: () => Promise<string | undefined>): Promise<void> {
    const { requestHash, generation } = build;
    let sequence = 0;
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (await this.#jetstream.publishAfter(acceptedSubject(requestHash), build, sequence)) return;
      const last = await this.#last(requestHash);
      const held = last && readable(last);
      if (held?.generation === generation) return;
      if (held && isLater(held, build, await unfinished().catch(() => undefined))) return;
      sequence = last?.seq ?? 0;
    }
    throw new FarmError(
      'unavailable',
      `others change the second copy of ${requestHash} all the time; try again`,
    );
  }

  async of(requestHash: string): Promise<AcceptedBuild | undefined> {
    return (await this.#find(requestHash))?.build;
  }

  /** Removes the copy of one generation; that of another one stays. Safe to repeat. */
  async remove(requestHash: string, generation: string): Promise<void> {
    const found = await this.#find(requestHash);
    if (found?.build.generation !== generation) return;
    await this.#jetstream.ask(`forget accepted build ${requestHash}`, async ({ streams }) => {
      await streams.deleteMessage(ACCEPTED_STREAM, found.sequence, false).catch((thrown: unknown) => {
        if (!isNotFound(thrown)) throw thrown;
      });
    });
  }

  /** How many there are. */
  async count(): Promise<number> {
    return await this.#jetstream.ask('count accepted builds', async ({ streams }) => {
      return (await streams.info(ACCEPTED_STREAM)).state.messages;
    });
  }

  /** Of which request hashes there are copies. */
  async hashes(): Promise<ReadonlySet<string>> {
    return await this.#jetstream.ask('list accepted builds', async ({ streams }) => {
      const info = await streams.info(ACCEPTED_STREAM, { subjects_filter: 'accepted.>' });
      return new Set(
        Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice('accepted.'.length)),
      );
    });
  }

  async #find(
    requestHash: string,
  ): Promise<{ readonly sequence: number; readonly build: AcceptedBuild } | undefined> {
    const message =
      (await this.#last(requestHash)) ??
      (await this.#jetstream.ask(`look for accepted build ${requestHash}`, (manager) =>
        firstOf(manager, ACCEPTED_STREAM, acceptedSubject(requestHash)),
      ));
    return message && { sequence: message.seq, build: read(message) };
  }

  async #last(requestHash: string): Promise<StoredMsg | undefined> {
    return await this.#jetstream.ask(`look up accepted build ${requestHash}`, async ({ streams }) => {
      const query = { last_by_subj: acceptedSubject(requestHash) };
      return await streams.getMessage(ACCEPTED_STREAM, query).catch((thrown: unknown) => {
        if (!isNotFound(thrown)) throw thrown;
        return undefined;
      });
    });
  }
}

function read(message: StoredMsg): AcceptedBuild {
  return parseJsonAs(AcceptedBuildSchema, message.string(), `accepted build of ${message.subject}`);
}

/** Undefined for what nobody can read, in whose place anything may be kept. */
function readable(message: StoredMsg): AcceptedBuild | undefined {
  try {
    return read(message);
  } catch {
    return undefined;
  }
}

/** Whether the held copy is of a later build. Redis tells; where it lost both, their times do. */
function isLater(held: AcceptedBuild, build: AcceptedBuild, unfinished: string | undefined): boolean {
  if (unfinished === build.generation) return false;
  return unfinished === held.generation || held.acceptedAt > build.acceptedAt;
}
