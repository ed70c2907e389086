import { LANES, type Lane } from '../domain/build-spec.ts';
import { BUILDER_TOKEN_PATTERN } from '../domain/builder.ts';

/* What is said where on NATS. A builder is one token (`builderToken`), a lane one of `LANES`. */

export const JOBS_STREAM = 'JOBS';
export const ACCEPTED_STREAM = 'ACCEPTED';
/** The queue group that makes one coordinator get each pull. */
export const COORDINATORS_QUEUE = 'coordinators';

/** A job: one build waits for this builder in this lane. Kept by the work queue `JOBS`. */
export const jobSubject = (lane: Lane, builder: string): string => `jobs.${lane}.${builder}`;
/** Tells every coordinator that a job was published; may be lost. */
export const wakeSubject = (lane: Lane, builder: string): string => `wake.${lane}.${builder}`;
/** Reaches the coordinator where an agent's pull is parked; may be lost. */
export const wakeAgentSubject = (agentId: string): string => `wake.agent.${agentId}`;
/** Tells whoever watches a build that there is more to see; may be lost. */
export const watchSubject = (requestHash: string): string => `watch.${requestHash}`;
/** The whole build, one message a subject, until its final state. Kept by `ACCEPTED`. */
export const acceptedSubject = (requestHash: string): string => `accepted.${requestHash}`;
export const pullSubject = (agentId: string): string => `agent.${agentId}.pull`;
/** The only subjects below which an agent may listen, and a coordinator answers its pulls. */
export const inboxPrefix = (agentId: string): string => `_INBOX_${agentId}`;
/** Where the answer to one pull is expected: any coordinator can say it, also one that never saw the pull. */
export const pullReplySubject = (agentId: string, session: string, sequence: number): string =>
  `${inboxPrefix(agentId)}.${session}.${sequence}`;
/** The durable pull consumer of one builder in one lane. */
export const jobConsumer = (lane: Lane, builder: string): string => `${lane}=${builder}`;

/** Lane and builder of a `jobs.…` or `wake.…` subject. */
export function parseLaneSubject(subject: string): { lane: Lane; builder: string } | undefined {
  const [, laneToken, builder, ...rest] = subject.split('.');
  const lane = LANES.find((each) => each === laneToken);
  if (!lane || !builder || rest.length > 0 || !new RegExp(BUILDER_TOKEN_PATTERN).test(builder))
    return undefined;
  return { lane, builder };
}
