import type { RequestLimits } from './distribution.ts';

/** What a request may ask for whose distribution is not known here. Source: asu, `max_defaults_length`, `max_custom_rootfs_size_mb`. */
export const DEFAULT_LIMITS: RequestLimits = { maxDefaultsLength: 20_480, maxRootfsSizeMb: 1024 };
/** Most extra feeds of one request; with the other limits a whole build fits into one NATS message (1 MiB). */
export const MAX_REPOSITORIES = 32;
/** Longest URL of an extra feed, characters. */
export const MAX_REPOSITORY_URL_LENGTH = 2048;
/** Most keys of extra feeds in one request. */
export const MAX_REPOSITORY_KEYS = 32;
/** Longest key of an extra feed, characters. A PEM of RSA 4096 has about 800. */
export const MAX_REPOSITORY_KEY_LENGTH = 4096;
