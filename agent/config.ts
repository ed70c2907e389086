import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import type { Accepts } from '../shared/domain/accepts.ts';
import { AGENT_ID_PATTERN } from '../shared/domain/agent.ts';
import { parseSettings, type RawSettings, requireUrl } from '../shared/env.ts';
import { LOG_LEVELS } from '../shared/log.ts';
import type { DiskLimits } from './builders/plan-room.ts';
import { BYTE_SIZE_PATTERN, parseByteSize } from './byte-size.ts';
import { DAILY_WINDOW_PATTERN, parseDailyWindow } from './pull/daily-window.ts';
import type { IntakeLimits } from './pull/decide-intake.ts';

/** `x86/64`, `ath79/*`; a word without a slash or a star would never match anything. */
const TARGET_NAME_PATTERN = '^([a-z0-9_-]{1,32}/[a-z0-9_-]{1,30}|[a-z0-9_/-]{0,62}\\*)$';
/** `24.10.4`, `24.10.*`, `SNAPSHOT`. */
const VERSION_NAME_PATTERN = '^[A-Za-z0-9.-]{0,32}([A-Za-z0-9]|\\*)$';

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
  diskBudget: Type.String({
    pattern: BYTE_SIZE_PATTERN,
    default: '0',
    placeholder: 'SIZE',
    description:
      'a size such as 500M or 20G: the most all builders together may take on disk; 0 for no limit',
  }),
  diskReserve: Type.String({
    pattern: BYTE_SIZE_PATTERN,
    default: '2G',
    placeholder: 'SIZE',
    description:
      'a size such as 500M or 20G: what is kept free on the disk; no work is taken while less is free',
  }),
  maxLoad: Type.Number({
    minimum: 0,
    default: 0,
    placeholder: 'LOAD',
    description:
      'a number such as 1.5: load per core (of one minute) above which no new work is taken; 0 for no limit',
  }),
  schedule: Type.Array(Type.String({ pattern: DAILY_WINDOW_PATTERN }), {
    default: [],
    placeholder: 'HH:MM-HH:MM',
    description:
      'a part of the day such as 22:00-07:00, local time, in which new work is taken; default: always; repeatable',
  }),
  onlyTargets: Type.Array(Type.String({ pattern: TARGET_NAME_PATTERN }), {
    default: [],
    placeholder: 'TARGET',
    maxItems: 256,
    description: 'a target such as x86/64, or ath79/*, to take work for; default: all; repeatable',
  }),
  onlyVersions: Type.Array(Type.String({ pattern: VERSION_NAME_PATTERN }), {
    default: [],
    placeholder: 'VERSION',
    maxItems: 256,
    description: 'a version such as SNAPSHOT, or 24.10.*, to take work for; default: all; repeatable',
  }),
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
type AgentSettings = Readonly<Static<typeof AgentSettingsSchema>>;

/** Settings of which each means something by itself. */
type PlainSettings = Omit<
  AgentSettings,
  'diskBudget' | 'diskReserve' | 'maxLoad' | 'schedule' | 'onlyTargets' | 'onlyVersions'
>;

export type AgentConfig = PlainSettings & {
  readonly disk: DiskLimits;
  readonly intake: IntakeLimits;
  /** Absent for everything. */
  readonly accepts?: Accepts;
};

/** Settings checked as a whole. Throws `SettingsError` with every problem. */
export function parseAgentConfig(raw: RawSettings): AgentConfig {
  const settings = parseSettings(AgentSettingsSchema, raw);
  for (const setting of ['nats', 'upstream'] as const) requireUrl(setting, settings[setting]);
  const { diskBudget, diskReserve, maxLoad, schedule, onlyTargets, onlyVersions, ...plain } = settings;
  const budgetBytes = parseByteSize(diskBudget);
  const reserveBytes = parseByteSize(diskReserve);
  return Object.freeze({
    ...plain,
    disk: { reserveBytes, ...(budgetBytes > 0 ? { budgetBytes } : {}) },
    intake: {
      diskReserveBytes: reserveBytes,
      ...(maxLoad > 0 ? { maxLoadPerCore: maxLoad } : {}),
      windows: schedule.map(parseDailyWindow),
    },
    ...acceptsOf(onlyTargets, onlyVersions),
  });
}

function acceptsOf(targets: string[], versions: string[]): Pick<AgentConfig, 'accepts'> {
  if (targets.length === 0 && versions.length === 0) return {};
  return {
    accepts: {
      ...(targets.length > 0 ? { targets } : {}),
      ...(versions.length > 0 ? { versions } : {}),
    },
  };
}
