import type { FarmError } from '../../shared/errors.ts';
import type { Distribution } from './distribution.ts';
import type { Validators } from './fetch-document.ts';
import { isLasting, sumsOf } from './freshness.ts';

/** How one kind of upstream document is read. */
export interface DocumentKind<T> {
  /** Throws on anything that is not such a document: an error page, half a file. */
  readonly parse: (bytes: Buffer, distribution: Distribution) => T;
  readonly maxBytes: number;
  /** True when upstream cannot do without it, so that a 404 is a failure and not an answer. Default false. */
  readonly isRequired?: boolean;
}

/** A document as this process knows it. */
export interface Entry {
  readonly kind: DocumentKind<unknown>;
  readonly path: string;
  /** See `isLasting`. */
  readonly isLasting: boolean;
  /** The sums that tell when its target was built anew; undefined for what does not last. */
  readonly sums: string | undefined;
  /** `value` is undefined when upstream has no such document. */
  answer: { readonly value: unknown; readonly sizeBytes: number } | undefined;
  /** Of the bytes behind `answer`; empty without. */
  tag: string;
  validators: Validators | undefined;
  /** Steady milliseconds, as the others. */
  checkedAt: number;
  /** Why the newest try failed; undefined after a success. */
  failure: FarmError | undefined;
  failedAt: number;
  servedStaleAt: number;
  /** Since when upstream says that it has no such document any more; undefined while it does not. */
  deniedAt: number | undefined;
  flight: Promise<void> | undefined;
}

/** The least that a document counts for, bytes: one that upstream does not have weighs something too. */
const ENTRY_BYTES = 2_048;

/** Parsed documents by kind and path, bounded by the size of their texts: the least recently used are forgotten first. */
export class CachedDocuments {
  readonly #distribution: Distribution;
  readonly #maxBytes: number;
  readonly #byKind = new Map<DocumentKind<unknown>, Map<string, Entry>>();
  /** In the order of use, the least recent first. */
  readonly #used = new Set<Entry>();
  /** When the bytes of a path were last replaced by others. */
  readonly #changedAt = new Map<string, number>();
  #sizeBytes = 0;

  constructor(distribution: Distribution, maxBytes: number) {
    this.#distribution = distribution;
    this.#maxBytes = maxBytes;
  }

  /** The entry, made when missing, as the most recently used. */
  touch(kind: DocumentKind<unknown>, path: string): Entry {
    let ofKind = this.#byKind.get(kind);
    if (!ofKind) {
      ofKind = new Map();
      this.#byKind.set(kind, ofKind);
    }
    const known = ofKind.get(path);
    const entry = known ?? this.#create(kind, path);
    if (known) this.#used.delete(known);
    else ofKind.set(path, entry);
    this.#used.add(entry);
    return entry;
  }

  /** Holds a new value, and forgets others where it makes too much of them. */
  keep(entry: Entry, value: unknown, textBytes: number): void {
    const sizeBytes = Math.max(textBytes, ENTRY_BYTES);
    this.#sizeBytes += sizeBytes - (entry.answer?.sizeBytes ?? 0);
    entry.answer = { value, sizeBytes };
    for (const oldest of this.#used) {
      if (this.#sizeBytes <= this.#maxBytes) break;
      if (oldest === entry || oldest.flight) continue;
      this.#used.delete(oldest);
      this.#byKind.get(oldest.kind)?.delete(oldest.path);
      this.#sizeBytes -= oldest.answer?.sizeBytes ?? 0;
    }
  }

  /** Notes that other bytes took the place of those of a path. */
  changed(path: string, at: number): void {
    this.#changedAt.set(path, at);
  }

  /** Whether the target of a lasting document was built anew after the document was checked. */
  wasBuiltAnew(entry: Entry, checkedAt = entry.checkedAt): boolean {
    return (
      entry.sums !== undefined && (this.#changedAt.get(entry.sums) ?? Number.NEGATIVE_INFINITY) > checkedAt
    );
  }

  filter(isSo: (entry: Entry) => boolean): readonly Entry[] {
    return [...this.#used].filter(isSo);
  }

  /** What is being fetched. */
  flights(): readonly Promise<void>[] {
    return [...this.#used].flatMap(({ flight }) => (flight ? [flight] : []));
  }

  #create(kind: DocumentKind<unknown>, path: string): Entry {
    const lasting = isLasting(path, this.#distribution);
    return {
      kind,
      path,
      isLasting: lasting,
      sums: lasting ? sumsOf(path) : undefined,
      answer: undefined,
      tag: '',
      validators: undefined,
      checkedAt: Number.NEGATIVE_INFINITY,
      failure: undefined,
      failedAt: Number.NEGATIVE_INFINITY,
      servedStaleAt: Number.NEGATIVE_INFINITY,
      deniedAt: undefined,
      flight: undefined,
    };
  }
}
