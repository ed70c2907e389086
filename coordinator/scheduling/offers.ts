import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { HORIZON_MS } from './copy-value.ts';
import { type Evictable, makeRoom, removablesOf, roomBytes, sizeBytesOf } from './eviction.ts';
import { type AgentView, accepterOf, freeSlots, mayServe, type WaitingView } from './farm-view.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';
import type { Space, Standing, WarmingState } from './warming-state.ts';

/** An agent that could fetch a builder now, and what that would cost. */
export interface Offer {
  readonly agent: AgentView;
  readonly evict: readonly Evictable[];
  /** All that may go there. */
  readonly order: readonly Evictable[];
  /** Value of what goes, see `copyValue`. */
  readonly loss: number;
  /** Until a build could begin there, with what others lose by what goes within the horizon, milliseconds. */
  readonly costMs: number;
}

export function standingOf(state: WarmingState, agent: AgentView): Standing {
  const known = state.standings.get(agent);
  if (known) return known;
  const standing = { firstScore: firstScoreOf(state, agent), freeSlots: freeSlots(agent) };
  state.standings.set(agent, standing);
  return standing;
}

function spaceOf(state: WarmingState, agent: AgentView): Space {
  const known = state.spaces.get(agent);
  if (known) return known;
  const removables = removablesOf(agent, state.farm, state.context);
  const order = removables.filter(({ upToScore }) => upToScore === Number.POSITIVE_INFINITY);
  const room = roomBytes(agent, state.farm);
  const space: Space = {
    removables,
    order,
    roomBytes: room,
    mostBytes: room + bytesOf(removables),
    orderBytes: room + bytesOf(order),
  };
  state.spaces.set(agent, space);
  return space;
}

/**
 * The agent for which fetching a builder costs least, or `undefined` when none can.
 * @param may which agents are asked.
 * @param forScore for a build that waits with this score: where nobody can fetch it otherwise, see `evictionOrder`.
 */
export function bestOffer(
  state: WarmingState,
  wanted: PinnedBuilder,
  may: (agent: AgentView, standing: Standing) => boolean,
  forScore?: number,
): Offer | undefined {
  const { holders } = state.context;
  const accepts = accepterOf(wanted.builder);
  const having = new Set(holders.warm(wanted));
  const replaces = replacesAwaited(state, wanted);
  const able = state.able.filter(
    (agent) =>
      may(agent, standingOf(state, agent)) &&
      !having.has(agent) &&
      !agent.paused.includes(wanted.builder) &&
      accepts(agent) &&
      !replaces(agent),
  );
  const cheapest = cheapestOffer(state, wanted, able, Number.POSITIVE_INFINITY);
  return cheapest ?? (forScore === undefined ? undefined : cheapestOffer(state, wanted, able, forScore));
}

function cheapestOffer(
  state: WarmingState,
  wanted: PinnedBuilder,
  agents: readonly AgentView[],
  forScore: number,
): Offer | undefined {
  const { farm } = state;
  const neededBytes = sizeBytesOf(farm, wanted.builder);
  // Where nobody ever had a builder its size is a guess: the agent will know when it sees the archive.
  const isGuess = farm.usualSizeBytes === undefined && farm.sizes.size === 0;
  const buildMs = buildMsOf(farm.timings, wanted.builder);
  let best: Offer | undefined;
  for (const agent of agents) {
    const busyMs = standingOf(state, agent).freeSlots > 0 ? 0 : buildMs / agent.slots;
    const leastMs = fetchMsOf(farm.timings, wanted.builder, agent.agentId) + busyMs;
    if (best && leastMs >= best.costMs) continue;
    const space = spaceOf(state, agent);
    const isForAny = forScore === Number.POSITIVE_INFINITY;
    if ((isForAny ? space.orderBytes : space.mostBytes) < neededBytes && !isGuess) continue;
    const order = isForAny ? space.order : space.removables.filter(({ upToScore }) => forScore <= upToScore);
    const evict = makeRoom(space.roomBytes, neededBytes, order) ?? (isGuess ? order : undefined);
    if (!evict) continue;
    const loss = evict.reduce((sum, { value }) => sum + value, 0);
    const costMs = leastMs + loss * HORIZON_MS;
    if (!best || costMs < best.costMs) best = { agent, evict, order, loss, costMs };
  }
  return best;
}

/**
 * Tells at which agents builds wait for other bytes of this builder that the farm would lose: an agent keeps the newest ones only, and
 * those builds insist on a revision that upstream no longer has.
 */
function replacesAwaited({ context }: WarmingState, wanted: PinnedBuilder): (agent: AgentView) => boolean {
  const { holders } = context;
  const others = (context.waiting.get(wanted.builder) ?? []).filter(({ digest }) => digest !== wanted.digest);
  if (others.length === 0) return () => false;
  const going = new Set(holders.fetching(wanted));
  const keepers = others.map((set) =>
    holders.warm(set).filter((agent) => mayServe(agent, set) && !going.has(agent)),
  );
  return (agent) => keepers.some((only) => only.length === 1 && only[0] === agent);
}

function firstScoreOf({ context }: WarmingState, agent: AgentView): number | undefined {
  let first: number | undefined;
  for (const { builder, digest } of agent.warm)
    for (const set of context.waiting.get(builder) ?? ([] as readonly WaitingView[]))
      if (set.digest === digest && (first === undefined || set.firstScore < first) && mayServe(agent, set))
        first = set.firstScore;
  return first;
}

function bytesOf(all: readonly Evictable[]): number {
  return all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
