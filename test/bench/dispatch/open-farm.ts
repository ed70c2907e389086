import { builderToken } from '../../../shared/domain/builder.ts';
import { Disposers } from '../../../shared/lifecycle.ts';
import { type BenchFarm, startBenchFarm } from '../bench-farm.ts';
import { type BenchProcess, startProcess } from '../child-process.ts';
import type { AgentsPlan } from './agents-process.ts';
import { type BenchBuilder, BenchRequests, RELEASES, readBuilders } from './bench-builds.ts';
import { Submitter } from './submitter.ts';
import { BuilderLottery } from './warm-sets.ts';

/** Slots and warm builders of every agent. */
const SLOTS = 1;
const WARM_BUILDERS = 6;
/** Nobody renews the leases of builds that nobody makes, so they have to last. */
const LEASE_MS = 600_000;

/** A farm, what queues builds in it and what agents it has. */
export interface DispatchFarm extends AsyncDisposable {
  readonly farm: BenchFarm;
  readonly agents: BenchProcess;
  readonly submitter: Submitter;
  readonly requests: BenchRequests;
  readonly builders: readonly BenchBuilder[];
  readonly lottery: BuilderLottery;
  /** Lets so many agents pull, all of one process. @returns the builders that some of them have warm. */
  startAgents(count: number): Promise<BuilderLottery>;
}

export async function openDispatchFarm(): Promise<DispatchFarm> {
  const opened = new Disposers();
  try {
    const settings = { maxQueued: '1000000', leaseMs: String(LEASE_MS), logLevel: 'error' };
    const farm = opened.use('farm', await startBenchFarm({ releases: RELEASES }, settings, process.execArgv));
    const submitter = opened.use('submitter', await Submitter.open(farm));
    const agents = opened.use('agents', startProcess('dispatch/agents-process.js'));
    const builders = await readBuilders(farm.upstream.url);
    const lottery = new BuilderLottery(builders);
    return {
      ...{ farm, agents, submitter, builders, lottery },
      requests: new BenchRequests(),
      startAgents: async (count) => {
        const { natsUrl, redisUrl, artifactsFolder } = farm;
        const warm = lottery.warmSets(count, WARM_BUILDERS);
        const plan: AgentsPlan = { natsUrl, redisUrl, artifactsFolder, slots: SLOTS, warm };
        await agents.ask(plan);
        const tokens = new Set(warm.flat().map(({ builder }) => builder));
        return new BuilderLottery(builders.filter(({ source }) => tokens.has(builderToken(source))));
      },
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}
