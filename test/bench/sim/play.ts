import { FirstFree } from './baselines.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { SimFarm } from './sim-farm.ts';
import { WarmFirst } from './warm-first.ts';
import { NEW_VERSION, simBuilder, simBuilders, type Trace } from './workload.ts';

export type PolicyName = 'warm-first' | 'random' | 'fifo-cold';

/** Plays a trace under a policy from empty disks. */
export function play(trace: Trace, name: PolicyName, seed: number): Outcome {
  const farm = new SimFarm(trace, seed);
  const fresh = Array.from({ length: 30 }, (_, at) => simBuilder(NEW_VERSION, at, seed));
  const policy =
    name === 'warm-first'
      ? new WarmFirst(farm, trace, [...simBuilders(seed), ...fresh])
      : new FirstFree(farm, name === 'random' ? 'random' : 'fifo', seed);
  farm.run(policy);
  return outcomeOf(farm, trace.flooder);
}
