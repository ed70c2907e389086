/** Longest first-boot script a client may send, in characters. Source: asu, `max_defaults_length`. */
export const MAX_DEFAULTS_LENGTH = 20_480;
/** Largest root filesystem a client may ask for, MiB. Source: asu, `max_custom_rootfs_size_mb`. */
export const MAX_ROOTFS_SIZE_MB = 1024;
/** Most extra feeds of one request; with the other limits a whole build fits into one NATS message (1 MiB). */
export const MAX_REPOSITORIES = 32;
/** Longest URL of an extra feed, characters. */
export const MAX_REPOSITORY_URL_LENGTH = 2048;
/** Most keys of extra feeds in one request. */
export const MAX_REPOSITORY_KEYS = 32;
/** Longest key of an extra feed, characters. A PEM of RSA 4096 has about 800. */
export const MAX_REPOSITORY_KEY_LENGTH = 4096;
