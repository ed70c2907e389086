import type { Trust } from '../../shared/domain/agent.ts';
import { LANES, type Lane } from '../../shared/domain/build-spec.ts';

/**
 * How far an agent is believed. Whoever can sign in to this farm's NATS was given its credentials by the operator, so all
 * of them are trusted; volunteers come with enrolment.
 */
export function trustOf(_agentId: string): Trust {
  return 'trusted';
}

/** The lanes an agent may take builds from. */
export function lanesOf(trust: Trust): readonly Lane[] {
  return trust === 'trusted' ? LANES : ['open'];
}
