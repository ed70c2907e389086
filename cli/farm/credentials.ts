import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { parseAs } from '../../shared/schema.ts';
import { readJson, writeJson } from './json-file.ts';

/** The secrets of one farm, made once and kept in its data folder. */
export const CredentialsSchema = Type.Object({
  nats: Type.Object({
    coordinator: Type.Object({ user: Type.String(), password: Type.String() }),
    agent: Type.Object({ user: Type.String(), password: Type.String() }),
  }),
  redis: Type.Object({ password: Type.String() }),
  /** See `CoordinatorSettingsSchema`. */
  farmKey: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Of the admin API; a folder of an earlier version has none yet. */
  adminToken: Type.Optional(Type.String()),
});
export type Credentials = Required<Static<typeof CredentialsSchema>>;

export function credentialsPath(directory: string): string {
  return join(directory, 'credentials.json');
}

/** The farm's secrets, made when there are none yet. The file is for its owner alone. */
export function openCredentials(directory: string): Credentials {
  const path = credentialsPath(directory);
  const kept = readJson(path);
  if (kept !== undefined) {
    const read = parseAs(CredentialsSchema, kept, path);
    if (read.adminToken !== undefined) return { ...read, adminToken: read.adminToken };
    const completed = { ...read, adminToken: secret() };
    writeJson(path, completed);
    return completed;
  }
  const credentials: Credentials = {
    nats: {
      coordinator: { user: 'coordinator', password: secret() },
      agent: { user: 'agent', password: secret() },
    },
    redis: { password: secret() },
    farmKey: randomBytes(32).toString('hex'),
    adminToken: secret(),
  };
  writeJson(path, credentials);
  return credentials;
}

/** The admin token of the farm in a folder; undefined where there is no farm, or one that may not be read. */
export function readAdminToken(directory: string): string | undefined {
  try {
    const kept = readJson(credentialsPath(directory));
    return kept === undefined ? undefined : parseAs(CredentialsSchema, kept, directory).adminToken;
  } catch {
    return undefined;
  }
}

/** 192 random bits in hex: safe in URLs and configuration files as it is. */
function secret(): string {
  return randomBytes(24).toString('hex');
}
