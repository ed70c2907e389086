import type { PriorityClass } from '../scheduling/fair-order.ts';

/** On whose account a new build waits. It decides when the build is made, never what is made: no part of the request hash. */
export interface BuildOwner {
  readonly priority: PriorityClass;
  /** Tells clients apart, e.g. `net:Zm9vYmFyZm9vYmFy` or `key:nightly`; never an address. */
  readonly client: string;
  /** 1 to `MAX_WEIGHT` of the fair order: a client of weight 2 gets twice the builds of one of weight 1. */
  readonly weight: number;
}

/** The operator, for builds that nobody else asked for just now. Somebody waits for these, and they are not the first asker's fault. */
export const OPERATOR: BuildOwner = { priority: 'device', client: 'operator', weight: 1 };

/** A client and class as Redis names them. */
export function ownerKey({ priority, client }: BuildOwner): string {
  return `${priority}:${client}`;
}

/** The reverse of `ownerKey`. */
export function ownerOf(key: string, weight: number): BuildOwner {
  const at = key.indexOf(':');
  return { priority: key.slice(0, at) === 'bulk' ? 'bulk' : 'device', client: key.slice(at + 1), weight };
}
