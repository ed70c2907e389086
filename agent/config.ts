import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { AGENT_ID_PATTERN } from '../shared/domain/agent.ts';
import { parseSettings, type RawSettings, requireUrl } from '../shared/env.ts';
import { LOG_LEVELS } from '../shared/log.ts';

/** Settings of an agent. */
export const AgentSettingsSchema = Type.Object({
  id: Type.String({
    pattern: AGENT_ID_PATTERN,
    description: "the agent's name in the farm: letters, digits, - and _; no two agents may share one",
  }),
  nats: Type.String({
    pattern: '^(nats|tls)://',
    secret: true,
    description: 'a URL nats://user:password@host:port of the farm, with the rights of an agent',
  }),
  grpc: Type.Array(Type.String({ pattern: '^[^\\s:]+:\\d+$' }), {
    default: [],
    description: 'host:port of gRPC servers to use instead of those the farm names, for tunnels; repeatable',
  }),
  data: Type.String({
    minLength: 1,
    default: join(homedir(), '.local', 'state', 'wrtfarm-agent'),
    description: 'folder for builders and running attempts',
  }),
  slots: Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'builds to run at the same time' }),
  upstream: Type.String({
    pattern: '^https?://[^\\s]+$',
    default: 'https://downloads.openwrt.org',
    description: 'URL of the OpenWrt mirror to fetch builders and packages from',
  }),
  upstreamKey: Type.Array(Type.String(), {
    default: [],
    description: "file of a further usign public key that may sign upstream's sha256sums; repeatable",
  }),
  buildTimeoutMs: Type.Integer({
    minimum: 1_000,
    default: 600_000,
    description: 'longest time one make may take, milliseconds',
  }),
  maxLogBytes: Type.Integer({
    minimum: 1024,
    default: 64 * 1024 * 1024,
    description: 'build log beyond this many bytes is cut, with a note',
  }),
  drainMs: Type.Integer({
    minimum: 0,
    default: 600_000,
    description: 'how long a stopping agent lets its builds finish before it gives them back, milliseconds',
  }),
  logLevel: Type.Enum(LOG_LEVELS, { default: 'info', description: `one of ${LOG_LEVELS.join(', ')}` }),
});
export type AgentConfig = Readonly<Static<typeof AgentSettingsSchema>>;

/** Settings checked as a whole. Throws `SettingsError` with every problem. */
export function parseAgentConfig(raw: RawSettings): AgentConfig {
  const config = parseSettings(AgentSettingsSchema, raw);
  for (const setting of ['nats', 'upstream'] as const) requireUrl(setting, config[setting]);
  return config;
}
