import { Counter, Histogram, Registry } from 'prom-client';
import { OUTCOMES, type Outcome } from '../../shared/domain/build.ts';
import { LOSS_CAUSES, type LossCause } from '../builds/loss.ts';
import { type OnRepair, REPAIRS } from '../builds/repairs.ts';
import { addGauges, type GaugeSources } from './gauges.ts';

/** What a coordinator tells Prometheus. Farm-wide gauges come from Redis, so every coordinator tells the same; counters are its own. */
export interface Metrics {
  readonly registry: Registry;
  requestAccepted(kind: 'known' | 'new'): void;
  requestRefused(): void;
  attemptStarted(): void;
  attemptLost(cause: LossCause): void;
  repaired: OnRepair;
  buildFinished(outcome: Outcome): void;
  uploadFailed(): void;
  stageEnded(stage: string, tookMs: number): void;
  /** Adds the gauges, once what they are read from is there. */
  readFrom(sources: GaugeSources): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'wrtfarm_requests_accepted_total',
    help: 'Build requests answered from a known build (known) or queued as a new one (new).',
    labelNames: ['kind'],
    registers,
  });
  const refused = new Counter({
    name: 'wrtfarm_requests_refused_total',
    help: 'Well-formed build requests for what is not to be had: a version, a package, a profile.',
    registers,
  });
  const started = new Counter({
    name: 'wrtfarm_attempts_started_total',
    help: 'Attempts granted to agents.',
    registers,
  });
  const lost = new Counter({
    name: 'wrtfarm_attempts_lost_total',
    help: 'Attempts that ended without a result and count against their build.',
    labelNames: ['cause'],
    registers,
  });
  const repaired = new Counter({
    name: 'wrtfarm_repairs_total',
    help: 'What the farm mended by itself: something was lost, late or left over.',
    labelNames: ['action'],
    registers,
  });
  const finished = new Counter({
    name: 'wrtfarm_builds_finished_total',
    help: 'Builds that became final.',
    labelNames: ['outcome'],
    registers,
  });
  const uploads = new Counter({
    name: 'wrtfarm_uploads_failed_total',
    help: 'Files of attempts that the artifact store could not take: its disk is full, or its bucket fails. Agents try again.',
    registers,
  });
  const stages = new Histogram({
    name: 'wrtfarm_stage_duration_seconds',
    help: 'How long attempts stay in each stage.',
    labelNames: ['stage'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640],
    registers,
  });
  // Asked for once: it is counted with each request.
  const accepted = { known: requests.labels('known'), new: requests.labels('new') };
  // Told as 0 from the start, so that a rate over the first one is seen.
  for (const outcome of OUTCOMES) finished.inc({ outcome }, 0);
  for (const cause of LOSS_CAUSES) lost.inc({ cause }, 0);
  for (const action of REPAIRS) repaired.inc({ action }, 0);
  return {
    registry,
    requestAccepted: (kind) => accepted[kind].inc(),
    requestRefused: () => refused.inc(),
    attemptStarted: () => started.inc(),
    attemptLost: (cause) => lost.inc({ cause }),
    repaired: (action, count = 1) => repaired.inc({ action }, count),
    buildFinished: (outcome) => finished.inc({ outcome }),
    uploadFailed: () => uploads.inc(),
    stageEnded: (stage, tookMs) => stages.observe({ stage }, tookMs / 1000),
    readFrom: (sources) => addGauges(registry, sources),
  };
}
