import { type Static, Type } from 'typebox';
import {
  environmentName,
  flagName,
  parseSettings,
  type RawSettings,
  requireUrl,
  SettingsError,
} from '../shared/env.ts';
import { LOG_LEVELS } from '../shared/log.ts';
import { checkS3Settings, S3_PROPERTIES } from './artifacts/s3/s3-config.ts';
import { DEFAULT_LIFETIMES } from './builds/final-answer.ts';
import { API_KEY_PATTERN, parseApiKeys } from './http/api-keys.ts';
import { parseNetworks } from './http/client-address.ts';

const PORT = { minimum: 0, maximum: 65_535 };

/** Settings of a coordinator. */
export const CoordinatorSettingsSchema = Type.Object({
  httpHost: Type.String({ default: '127.0.0.1', description: 'address the HTTP server listens on' }),
  httpPort: Type.Integer({
    ...PORT,
    default: 8080,
    description: 'port of the HTTP server; 0 takes a free one',
  }),
  grpcHost: Type.String({ default: '127.0.0.1', description: 'address the gRPC server listens on' }),
  grpcPort: Type.Integer({
    ...PORT,
    default: 8081,
    description: 'port of the gRPC server; 0 takes a free one',
  }),
  grpcAdvertise: Type.Optional(
    Type.String({
      description: 'host:port under which agents reach this gRPC server; default: where it listens',
    }),
  ),
  nats: Type.String({
    pattern: '^(nats|tls)://',
    secret: true,
    description: 'a URL nats://user:password@host:port of NATS, with the rights of a coordinator',
  }),
  redis: Type.String({
    pattern: '^rediss?://',
    secret: true,
    description: 'a URL redis://:password@host:port of Redis',
  }),
  farmKey: Type.String({
    pattern: '^[0-9a-f]{64}$',
    secret: true,
    description: '64 hex digits, the same for all coordinators of a farm; signs lease tokens',
  }),
  adminToken: Type.Optional(
    Type.String({
      pattern: '^\\S{16,}$',
      secret: true,
      description: 'bearer token of the admin API, 16 characters at least; without one there is no admin API',
    }),
  ),
  apiKeys: Type.Array(Type.String({ pattern: API_KEY_PATTERN }), {
    default: [],
    secret: true,
    description:
      'name:key or name:key:weight of scripts, which wait behind devices; 16 characters at least, weight 2 for twice the builds',
  }),
  trustedProxies: Type.Array(Type.String(), {
    default: [],
    description:
      'addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed; all behind another one are one client',
  }),
  artifacts: Type.String({
    minLength: 1,
    description:
      'folder of the artifact store, shared by all coordinators; with a bucket, of this coordinator, for what is coming in',
  }),
  ...S3_PROPERTIES,
  upstream: Type.String({
    pattern: '^https?://[^\\s]+$',
    default: 'https://downloads.openwrt.org',
    description: 'URL of the OpenWrt mirror to read from',
  }),
  publicUpstream: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s]+$',
      description: 'URL of the mirror that clients are told; default: --upstream',
    }),
  ),
  catalogFreshMs: Type.Integer({
    minimum: 0,
    default: 60_000,
    description: 'how long upstream metadata is used before it is asked for again, milliseconds',
  }),
  catalogReleaseFreshMs: Type.Integer({
    minimum: 0,
    default: 3_600_000,
    description: "the same for a release's targets, which stay as they are unless built anew, milliseconds",
  }),
  distros: Type.Array(Type.String(), {
    default: [],
    description: 'further distributions: files like coordinator/catalog/distros/*.json, or names of those',
  }),
  contact: Type.String({ default: '', description: 'mail address or URL of the operator, told to clients' }),
  allowDefaults: Type.Boolean({
    default: false,
    description: 'true to build with first-boot scripts of clients',
  }),
  repositoryAllowList: Type.Array(Type.String(), {
    default: [],
    description: 'URL prefixes of extra package feeds that clients may name',
  }),
  maxQueued: Type.Integer({
    minimum: 1,
    default: 10_000,
    description: 'when more builds than this wait, new ones are refused with 529',
  }),
  maxQueuedPerClient: Type.Integer({
    minimum: 1,
    default: 2_500,
    description: 'the same of one client, which is then refused with 429 while others are served',
  }),
  maxConnections: Type.Integer({
    minimum: 1,
    default: 10_000,
    description: 'HTTP connections, and as many of agents; more are closed at once',
  }),
  maxPulls: Type.Integer({
    minimum: 1,
    default: 10_000,
    description: 'agents that wait here for work; more are told to ask again',
  }),
  maxStreams: Type.Integer({
    minimum: 1,
    default: 8_192,
    description: 'attempts that report here at once, and as many uploads; more are sent elsewhere',
  }),
  maxFollowers: Type.Integer({
    minimum: 1,
    default: 2_000,
    description: 'logs and events of builds that are read at the same time; more are refused with 429',
  }),
  maxFollowersPerClient: Type.Integer({
    minimum: 1,
    default: 64,
    description: 'the same of one client',
  }),
  keepPlainMs: Type.Integer({
    minimum: 1_000,
    default: DEFAULT_LIFETIMES.keepPlainMs,
    description: 'how long a result is given from memory, milliseconds',
  }),
  keepWithVersionsMs: Type.Integer({
    minimum: 1_000,
    default: DEFAULT_LIFETIMES.keepWithVersionsMs,
    description: 'the same where the request named the versions of its packages, milliseconds',
  }),
  keepWithDefaultsMs: Type.Integer({
    minimum: 1_000,
    default: DEFAULT_LIFETIMES.keepWithDefaultsMs,
    description: 'the same where the request had a first-boot script, milliseconds',
  }),
  keepFailedMs: Type.Integer({
    minimum: 1_000,
    default: DEFAULT_LIFETIMES.keepFailedMs,
    description: 'the same for a failure that would be the same again, milliseconds',
  }),
  storeGraceMs: Type.Integer({
    minimum: 0,
    default: 24 * 3_600_000,
    description: 'how long files stay after their result has expired, milliseconds',
  }),
  storeMaxBytes: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'bytes the files of all results may have; beyond it the oldest go first; 0 for no limit',
  }),
  leaseMs: Type.Integer({
    minimum: 1_500,
    maximum: 600_000,
    default: 15_000,
    description: 'how long an attempt lives without a sign of life, milliseconds',
  }),
  maxWarming: Type.Integer({
    minimum: 1,
    default: 8,
    description: 'builders that are fetched at the same time, farm-wide; ahead of need three eighths of that',
  }),
  logLevel: Type.Enum(LOG_LEVELS, { default: 'info', description: `one of ${LOG_LEVELS.join(', ')}` }),
});
export type CoordinatorConfig = Readonly<Static<typeof CoordinatorSettingsSchema>>;

/** Settings checked as a whole. Throws `SettingsError` with every problem. */
export function parseCoordinatorConfig(raw: RawSettings): CoordinatorConfig {
  const config = parseSettings(CoordinatorSettingsSchema, raw);
  for (const setting of ['nats', 'redis', 'upstream'] as const) requireUrl(setting, config[setting]);
  checkS3Settings(raw, config);
  requireReadable('apiKeys', () => parseApiKeys(config.apiKeys), '');
  requireReadable(
    'trustedProxies',
    () => parseNetworks(config.trustedProxies),
    'this is no address or network: ',
  );
  const hasCredentials = new URL(config.nats).username !== '';
  if (!isLoopback(config.grpcHost) && !hasCredentials) {
    throw new SettingsError([
      'WRTFARM_GRPC_HOST (--grpc-host) is open to other machines, but WRTFARM_NATS (--nats) has no user: ' +
        'anyone could join as an agent. Give NATS users, or listen on 127.0.0.1.',
    ]);
  }
  return config;
}

/** Throws `SettingsError` where reading throws a RangeError, whose text holds no secret. */
function requireReadable(setting: string, read: () => unknown, what: string): void {
  try {
    read();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new SettingsError([
      `${environmentName(setting)} (--${flagName(setting)}): ${what}${thrown.message}`,
    ]);
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
