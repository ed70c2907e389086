import type { Validators } from './fetch-document.ts';

/** What a farm knows of one upstream document. */
export interface SharedCopy {
  /** How long ago upstream confirmed it, milliseconds. */
  readonly ageMs: number;
  /** How long ago its bytes were replaced by others, milliseconds; undefined when they never were. */
  readonly changedMs: number | undefined;
  /** Tells its bytes from others; empty when upstream has no such document. */
  readonly tag: string;
  readonly validators: Validators;
}

/** A document as upstream sent it; without bytes when it has none. */
export interface FetchedCopy {
  readonly tag: string;
  readonly validators: Validators;
  readonly bytes: Buffer | undefined;
}

/**
 * Upstream documents that the replicas of a farm share, by URL. None of the methods rejects: a store that does not answer is
 * one that holds nothing and is never locked.
 */
export interface SharedDocuments {
  look(url: string): Promise<SharedCopy | undefined>;
  /** The bytes with that tag; undefined when they are gone or others by now. */
  bytes(url: string, tag: string): Promise<Buffer | undefined>;
  /** Keeps what upstream has just sent. */
  keep(url: string, copy: FetchedCopy): Promise<void>;
  /** Notes that upstream has just confirmed the bytes with that tag. */
  confirm(url: string, tag: string): Promise<void>;
  /** The right to fetch, for at most `forMs`; undefined while another replica has it. Whoever has it gives it back. */
  claim(url: string, forMs: number): Promise<AsyncDisposable | undefined>;
}
