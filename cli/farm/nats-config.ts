import type { Credentials } from './credentials.ts';

/** What an agent may not hear: what travels between coordinators, other agents' pulls and inboxes, and the servers' own. */
const AGENT_DENIED = [
  'jobs.>',
  'accepted.>',
  'wake.>',
  'watch.>',
  'agent.>',
  '$JS.>',
  '$SYS.>',
  '_INBOX.>',
  '_INBOX_coordinator.>',
];

export interface NatsConfigOptions {
  readonly port: number;
  /** Absolute path of JetStream's folder. */
  readonly storeDirectory: string;
  readonly users: Credentials['nats'];
}

/**
 * Configuration of a farm's private nats-server (2.9 or newer): JetStream for coordinators, and for agents their pulls
 * and inboxes alone. Loopback only.
 */
export function natsConfig(options: NatsConfigOptions): string {
  const { coordinator, agent } = options.users;
  return `server_name: wrtfarm
listen: "127.0.0.1:${options.port}"
# Subject lists of many builders are longer than the default of 4096 bytes.
max_control_line: 65536
jetstream {
  store_dir: ${quote(options.storeDirectory)}
  max_memory_store: 64MB
  max_file_store: 8GB
}
accounts {
  FARM {
    jetstream: enabled
    users: [
      { user: ${quote(coordinator.user)}, password: ${quote(coordinator.password)} }
      {
        user: ${quote(agent.user)}, password: ${quote(agent.password)}
        permissions {
          publish: { allow: [ "agent.*.pull" ] }
          subscribe: { deny: [ ${AGENT_DENIED.map(quote).join(', ')} ] }
        }
      }
    ]
  }
  SYSTEM { users: [] }
}
system_account: SYSTEM
`;
}

/** A quoted string of NATS' configuration language, whose escapes are those of JSON for what paths hold. */
function quote(text: string): string {
  return JSON.stringify(text);
}
