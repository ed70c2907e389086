import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import { runLoop } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import { decideIntake, type IntakeDecision, type IntakeLimits } from './decide-intake.ts';
import type { HostState } from './read-host.ts';

/** How often the machine is looked at while a pull is parked, milliseconds. */
const LOOK_MS = 5_000;

export interface IntakeDependencies {
  readonly readHost: () => Promise<HostState>;
  readonly clock: Clock;
  readonly log: Log;
}

/** The machine at one moment, and whether it takes new work then. */
export interface IntakeView {
  readonly host: HostState;
  readonly decision: IntakeDecision;
}

/** Watches whether this machine takes new work, and logs when that changes. What runs already is never touched. */
export class Intake {
  readonly #deps: IntakeDependencies;
  readonly #limits: IntakeLimits;
  #last: IntakeDecision = { takesWork: true };

  constructor(deps: IntakeDependencies, limits: IntakeLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** Looks at the machine now. Rejects when its disk cannot be asked. */
  async look(): Promise<IntakeView> {
    const host = await this.#deps.readHost();
    const decision = decideIntake(this.#deps.clock.now(), host, this.#limits);
    if (reasonOf(decision) !== reasonOf(this.#last)) this.#tell(decision);
    this.#last = decision;
    return { host, decision };
  }

  /** Looks every few seconds until the signal is aborted. @param onChange told when the decision became another one. */
  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    const step = async (): Promise<number> => {
      const before = reasonOf(this.#last);
      const { decision } = await this.look();
      if (reasonOf(decision) !== before) onChange();
      return LOOK_MS;
    };
    await runLoop(step, {
      signal,
      clock: this.#deps.clock,
      backoff: { minMs: LOOK_MS, maxMs: 60_000 },
      onError: (thrown, failures) => {
        if (failures === 1) this.#deps.log.warn({ reason: messageOf(thrown) }, 'this machine cannot be read');
      },
    });
  }

  #tell(decision: IntakeDecision): void {
    const { log } = this.#deps;
    if (decision.takesWork) log.info({}, 'takes new work again');
    else {
      const { reason, text } = decision;
      const level = reason === 'disk_full' ? 'warn' : 'info';
      log[level]({ reason }, `takes no new work: ${text}`);
    }
  }
}

function reasonOf(decision: IntakeDecision): string | undefined {
  return decision.takesWork ? undefined : decision.reason;
}
