import type { Msg } from 'nats';
import { FarmError } from '../../shared/errors.ts';
import { type Pull, type PullAnswer, PullSchema } from '../../shared/messages/pull.ts';
import { inboxPrefix } from '../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import type { Orders } from './parked-pull.ts';

/** What of a NATS message it takes to read a pull. */
export type PullMessage = Pick<Msg, 'subject' | 'reply' | 'string'>;

/**
 * Where a pull is to be answered; undefined where that is not its agent's inbox. A reply subject is input: answering it blindly would
 * let an agent make us publish jobs.
 */
export function replySubject({
  subject,
  reply = '',
}: Pick<PullMessage, 'subject' | 'reply'>): string | undefined {
  return reply.startsWith(`${inboxPrefix(agentIdOf(subject))}.`) ? reply : undefined;
}

/** Reads a pull. Throws FarmError `invalid_request` for what is none, or is one of another agent. */
export function readPull(message: PullMessage): Pull {
  const agentId = agentIdOf(message.subject);
  const pull = parseJsonAs(PullSchema, message.string(), `pull of ${agentId}`);
  if (pull.agentId !== agentId)
    throw new FarmError('invalid_request', `agent ${agentId} pulled as ${pull.agentId}`);
  return pull;
}

/** The answer to a pull: what its agent is to do, when to pull again, and which coordinators live. */
export function pullAnswer(orders: Orders, nextPullMs: number, coordinators: readonly string[]): PullAnswer {
  return {
    version: 1,
    ...(orders.start ? { start: orders.start } : {}),
    ...(orders.warm ? { warm: orders.warm } : {}),
    ...(orders.evictable ? { evictable: [...orders.evictable] } : {}),
    cancel: [...(orders.cancel ?? [])],
    drain: orders.drain ?? false,
    ...(orders.again ? { again: true } : {}),
    nextPullMs,
    coordinators: [...coordinators],
  };
}

/** NATS lets an agent publish only on a pull subject that names it. */
function agentIdOf(subject: string): string {
  return subject.split('.')[1] ?? '';
}
