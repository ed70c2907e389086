/** Also a NATS token and a folder name: letters, digits, `-` and `_`. */
export const AGENT_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$';

/** How far an agent's results are believed. */
export const TRUST_LEVELS = ['trusted', 'volunteer'] as const;
export type Trust = (typeof TRUST_LEVELS)[number];
