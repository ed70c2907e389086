export interface RedisConfigOptions {
  readonly port: number;
  /** Absolute path of the folder that keeps the append-only file. */
  readonly directory: string;
  readonly password: string;
}

/** Configuration of a farm's private redis-server (7.0): every write is on disk before it is answered. Loopback only. */
export function redisConfig(options: RedisConfigOptions): string {
  return `bind 127.0.0.1
port ${options.port}
protected-mode yes
requirepass ${options.password}
daemonize no
dir ${quote(options.directory)}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
`;
}

/** A quoted string of redis.conf; see the example configuration of redis 7.0. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
