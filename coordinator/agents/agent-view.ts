import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentView } from '../scheduling/farm-view.ts';
import type { AgentState } from './agent-registry.ts';
import { lanesOf, trustOf } from './trust.ts';

/**
 * An agent as scheduling sees it.
 * @param orders builders it was told to fetch and may not have told of yet, and those it is not to be asked for.
 */
export function agentViewOf(
  { pull, running, ending, isSuspect }: Pick<AgentState, 'pull' | 'running' | 'ending' | 'isSuspect'>,
  orders: { readonly warming: Pull['warming']; readonly paused: readonly string[] } = NO_ORDERS,
): AgentView {
  const told = [...pull.warm, ...pull.warming];
  const untold = orders.warming.filter(
    ({ builder, digest }) => !told.some((each) => each.builder === builder && each.digest === digest),
  );
  return {
    ...pull,
    warming: [...pull.warming, ...untold],
    lanes: lanesOf(trustOf(pull.agentId)),
    running,
    ending,
    isSuspect,
    paused: orders.paused,
  };
}

const NO_ORDERS = { warming: [], paused: [] };
