import type { PriorityClass } from '../../../coordinator/scheduling/fair-order.ts';
import { DEFAULT_BUILD_MS, DEFAULT_FETCH_MS } from '../../../coordinator/scheduling/timings.ts';
import { builderToken } from '../../../shared/domain/builder.ts';
import { factorAround1, seededRandom } from './random.ts';

/*
 * The farm that is simulated. A build takes 95 s and a fetch with unpacking 190 s in the middle (openwrt/asu#1534: 189.6 s of 285 s);
 * both vary by builder, by machine and from one time to the next.
 */

/** A builder of the simulation, with how long it really takes. */
export interface SimBuilder {
  readonly token: string;
  readonly buildMs: number;
  readonly fetchMs: number;
  /** What is downloaded. */
  readonly archiveBytes: number;
}

/** Unpacked, all builders take the same: a disk holds so many of them. */
export const UNPACKED_BYTES = 1_500_000_000;

export interface SimAgent {
  readonly agentId: string;
  readonly slots: number;
  /** How many builders its disk holds. */
  readonly places: number;
  /** How much longer than usual its fetches take. */
  readonly fetchFactor: number;
}

/** One request for a build. */
export interface Arrival {
  readonly atMs: number;
  readonly client: string;
  readonly priority: PriorityClass;
  readonly builder: SimBuilder;
  /** How much longer than usual this build takes. */
  readonly buildFactor: number;
}

/** An agent comes, with an empty disk or its old one, or is switched off. */
export interface Change {
  readonly atMs: number;
  readonly agentId: string;
  readonly kind: 'join' | 'join-empty' | 'leave';
}

/** A new version seen upstream: builders by the builder whose demand each is expected to have. */
export interface Release {
  readonly atMs: number;
  readonly version: string;
  readonly follows: string;
  readonly targets: readonly string[];
}

export interface Trace {
  readonly name: string;
  readonly agents: readonly SimAgent[];
  readonly arrivals: readonly Arrival[];
  readonly changes: readonly Change[];
  readonly releases: readonly Release[];
  /** Builders of the requests of the two weeks before, for the demand that is known at the start. */
  readonly history: readonly { readonly token: string; readonly atMs: number }[];
  /** The client whose share is looked at, if one floods. */
  readonly flooder?: string;
}

/** `count` agents of two slots with room for four builders, as the reach says. */
export function simAgents(count: number, seed: number): readonly SimAgent[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, at) => ({
    agentId: `agent-${String(at + 1).padStart(2, '0')}`,
    slots: 2,
    places: 4,
    fetchFactor: factorAround1(random, 0.3),
  }));
}

export const VERSIONS = ['25.12.0', '24.10.4', 'SNAPSHOT', '23.05.6'] as const;
export const NEW_VERSION = '25.12.1';

/** Builder of one target of one version; the same seed gives the same one. */
export function simBuilder(version: string, targetAt: number, seed: number): SimBuilder {
  const versionAt = [...VERSIONS, NEW_VERSION].indexOf(version);
  const random = seededRandom(seed * 10_007 + versionAt * 1_009 + targetAt);
  return {
    token: builderToken({ distro: 'openwrt', version, target: targetName(targetAt) }),
    buildMs: DEFAULT_BUILD_MS * factorAround1(random, 0.25),
    fetchMs: DEFAULT_FETCH_MS * factorAround1(random, 0.25),
    archiveBytes: Math.round(300_000_000 * factorAround1(random, 0.3)),
  };
}

export function targetName(at: number): string {
  return `arch${at + 1}/generic`;
}

/** 120 builders, the most wanted first: 30 targets of four versions. */
export function simBuilders(seed: number): readonly SimBuilder[] {
  return Array.from({ length: 120 }, (_, rank) =>
    simBuilder(VERSIONS[rank % VERSIONS.length] ?? 'SNAPSHOT', Math.floor(rank / VERSIONS.length), seed),
  );
}
