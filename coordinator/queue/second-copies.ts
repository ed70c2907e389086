import { nanos, RetentionPolicy, StorageType } from 'nats';
import { type AcceptedBuild, AcceptedBuildSchema } from '../../shared/messages/job.ts';
import { ACCEPTED_STREAM, acceptedSubject } from '../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { firstOf, isNotFound, type JetStream } from './jetstream.ts';

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

  /** Keeps a build until its final state, in place of any earlier one of its hash. Safe to repeat. */
  async keep(build: AcceptedBuild): Promise<void> {
    await this.#jetstream.publish(acceptedSubject(build.requestHash), build);
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
    return await this.#jetstream.ask(`look up accepted build ${requestHash}`, async (manager) => {
      const subject = acceptedSubject(requestHash);
      const last = await manager.streams
        .getMessage(ACCEPTED_STREAM, { last_by_subj: subject })
        .catch((thrown: unknown) => {
          if (!isNotFound(thrown)) throw thrown;
        });
      const message = last ?? (await firstOf(manager, ACCEPTED_STREAM, subject));
      if (!message) return undefined;
      const build = parseJsonAs(AcceptedBuildSchema, message.string(), `accepted build ${requestHash}`);
      return { sequence: message.seq, build };
    });
  }
}
