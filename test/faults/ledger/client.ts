import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from '../../bench/sim/random.ts';
import { type AnswerLine, LedgerWriter } from './ledger-file.ts';
import { ledgerRequest } from './requests.ts';

export interface ClientSignals {
  readonly stop: AbortSignal;
  readonly enough: AbortSignal;
}

export interface ClientPlan {
  readonly urls: readonly string[];
  readonly adminToken: string;
  readonly ledgerPath: string;
  readonly seed: number;
  /** Number of the first request. */
  readonly first: number;
  readonly builds: number;
  /** New requests in a second, while less than `maxOpen` builds are unfinished. */
  readonly perSecond: number;
  readonly maxOpen: number;
}

const POLL_MS = 250;
const REQUEST_MS = 5_000;
/** Share of new requests that are followed by one that was made before. */
const AGAIN = 0.3;

interface OpenBuild {
  readonly n: number;
  readonly hash: string;
  said: string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly coordinator: number;
}

/**
 * The farm's client: asks for builds, asks again what it asked before, takes some back, polls all until they are final on
 * every coordinator, and writes down what was accepted and every answer. Never asks again in order to get what was lost.
 */
export class LedgerClient {
  readonly #plan: ClientPlan;
  readonly #ledger: LedgerWriter;
  readonly #random: Random;
  readonly #open = new Map<string, OpenBuild>();
  readonly #stop: AbortSignal;
  readonly #enough: AbortSignal;
  #accepted = 0;
  #isAllSubmitted = false;

  private constructor(plan: ClientPlan, ledger: LedgerWriter, { stop, enough }: ClientSignals) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#random = seededRandom(plan.seed + 17);
    this.#stop = stop;
    this.#enough = AbortSignal.any([stop, enough]);
  }

  /** Resolves when all builds are final, or `stop` is aborted; after `enough` it asks for nothing new. @param onProgress told of how many were accepted and are open. */
  static async run(
    plan: ClientPlan,
    signals: ClientSignals,
    onProgress: (accepted: number, open: number) => void,
  ): Promise<void> {
    await using ledger = await LedgerWriter.create(plan.ledgerPath);
    const client = new LedgerClient(plan, ledger, signals);
    const telling = setInterval(() => onProgress(client.#accepted, client.#open.size), 500);
    try {
      await Promise.all([client.#submitAll(), client.#pollAll()]);
    } finally {
      clearInterval(telling);
      ledger.write({ kind: 'end', at: Date.now(), open: client.#open.size });
      onProgress(client.#accepted, client.#open.size);
    }
  }

  async #submitAll(): Promise<void> {
    const { first, builds, perSecond, maxOpen } = this.#plan;
    const submitting = new Set<Promise<void>>();
    for (let n = first; n < first + builds && !this.#enough.aborted; n += 1) {
      while (this.#open.size + submitting.size >= maxOpen && !this.#enough.aborted) await sleep(50);
      const one = this.#submit(n).finally(() => submitting.delete(one));
      submitting.add(one);
      // A third of them in bursts.
      const isBurst = this.#random.next() < 1 / 3;
      await sleep(isBurst ? 0 : ((1_000 * 3) / perSecond) * this.#random.next());
    }
    await Promise.all(submitting);
    this.#isAllSubmitted = true;
  }

  async #submit(n: number): Promise<void> {
    const { body, isCancelled } = ledgerRequest(this.#plan.seed, n);
    const answer = await this.#insist(n, '/api/v1/build', body);
    if (!answer) return;
    const hash = this.#note('accepted', n, answer);
    this.#accepted += 1;
    if (answer.status === 202) this.#open.set(hash, { n, hash, said: '' });
    if (isCancelled) await this.#cancel(hash);
    if (this.#random.next() < AGAIN) {
      await this.#askAgain(this.#plan.first + Math.floor(this.#random.next() * (n + 1 - this.#plan.first)));
    }
  }

  /** Asks for what was asked for before, once, wherever. */
  async #askAgain(n: number): Promise<void> {
    const { body, wanted, isCancelled } = ledgerRequest(this.#plan.seed, n);
    // What failed or was taken back is rightly made anew; here only what must be the same is asked for again.
    if (wanted === 'failure' || isCancelled) return;
    const answer = await this.#ask(this.#anyCoordinator(), '/api/v1/build', body);
    if (answer && typeof answer.body.request_hash === 'string') this.#note('again', n, answer);
  }

  async #cancel(hash: string): Promise<void> {
    await sleep(this.#random.next() * 400);
    const path = `/api/v1/admin/builds/${hash}/cancel`;
    // It may be done although its answer is lost.
    this.#ledger.write({ kind: 'cancel', at: Date.now(), hash, status: 0 });
    const answer = await this.#ask(this.#anyCoordinator(), path, {}, this.#plan.adminToken);
    if (answer) this.#ledger.write({ kind: 'cancel', at: Date.now(), hash, status: answer.status });
  }

  async #pollAll(): Promise<void> {
    for (;;) {
      const began = Date.now();
      const asking = [...this.#open.values()].map((build) => this.#poll(build));
      await Promise.all(asking);
      if (this.#stop.aborted) return;
      if (this.#open.size === 0 && this.#isAllSubmitted) return;
      await sleep(Math.max(20, POLL_MS - (Date.now() - began)));
    }
  }

  async #poll(build: OpenBuild): Promise<void> {
    const path = `/api/v1/build/${build.hash}`;
    const answer = await this.#ask(this.#anyCoordinator(), path);
    if (!answer || isForLater(answer.status)) return;
    if (answer.status === 202) {
      const said = saidOf(answer.body);
      if (said !== build.said) this.#note('answer', build.n, answer);
      build.said = said;
    } else if (answer.status === 404) {
      if (build.said !== '404') this.#note('answer', build.n, answer, build.hash);
      build.said = '404';
    } else {
      this.#note('answer', build.n, answer, build.hash);
      await this.#confirm(build, answer);
      this.#open.delete(build.hash);
    }
  }

  /** What one coordinator calls final, the others do too, and the same. */
  async #confirm(build: OpenBuild, first: Answer): Promise<void> {
    const other = (first.coordinator + 1) % this.#plan.urls.length;
    const answer = await this.#ask(other, `/api/v1/build/${build.hash}`);
    if (!answer || isForLater(answer.status)) return;
    this.#note('answer', build.n, answer, build.hash);
    if (answer.status === first.status && answer.body.bin_dir === first.body.bin_dir) return;
    this.#ledger.write({
      kind: 'wrong',
      at: Date.now(),
      hash: build.hash,
      what: `final with ${first.status} at ${first.coordinator}, then ${answer.status} at ${other}`,
    });
  }

  #note(kind: AnswerLine['kind'], n: number, { status, body, coordinator }: Answer, known?: string): string {
    const hash = known ?? String(body.request_hash);
    const enqueuedAt = Date.parse(String(body.enqueued_at));
    const { bin_dir: binDir } = body;
    this.#ledger.write({
      kind,
      at: Date.now(),
      coordinator,
      n,
      hash,
      status,
      said: saidOf(body),
      ...(Number.isNaN(enqueuedAt) ? {} : { enqueuedAt }),
      ...(typeof binDir === 'string' ? { binDir } : {}),
    });
    return hash;
  }

  /** Asks one coordinator after the other until one says what becomes of the request. */
  async #insist(n: number, path: string, body: object): Promise<Answer | undefined> {
    for (let tries = n; !this.#stop.aborted; tries += 1) {
      const answer = await this.#ask(tries % this.#plan.urls.length, path, body);
      if (answer && typeof answer.body.request_hash === 'string') return answer;
      if (answer && !isForLater(answer.status)) {
        const what = `request ${n} was answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 300)}`;
        this.#ledger.write({ kind: 'wrong', at: Date.now(), hash: '', what });
        return undefined;
      }
      await sleep(100 + this.#random.next() * 200);
    }
    return undefined;
  }

  async #ask(coordinator: number, path: string, body?: object, token?: string): Promise<Answer | undefined> {
    try {
      const response = await fetch(`${this.#plan.urls[coordinator]}${path}`, {
        signal: AbortSignal.timeout(REQUEST_MS),
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      const said = (await response.json()) as Record<string, unknown>;
      return { status: response.status, body: said, coordinator };
    } catch {
      this.#ledger.write({ kind: 'silence', at: Date.now(), coordinator });
      return undefined;
    }
  }

  #anyCoordinator(): number {
    return Math.floor(this.#random.next() * this.#plan.urls.length);
  }
}

/** The farm says that it cannot tell now. */
function isForLater(status: number): boolean {
  return status === 502 || status === 503 || status === 529;
}

function saidOf(body: Readonly<Record<string, unknown>>): string {
  return String(body.imagebuilder_status ?? body.detail ?? '').slice(0, 60);
}
