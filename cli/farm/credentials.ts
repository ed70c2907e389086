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
});
export type Credentials = Static<typeof CredentialsSchema>;

export function credentialsPath(directory: string): string {
  return join(directory, 'credentials.json');
}

/** The farm's secrets, made when there are none yet. The file is for its owner alone. */
export function openCredentials(directory: string): Credentials {
  const path = credentialsPath(directory);
  const kept = readJson(path);
  if (kept !== undefined) return parseAs(CredentialsSchema, kept, path);
  const credentials: Credentials = {
    nats: {
      coordinator: { user: 'coordinator', password: secret() },
      agent: { user: 'agent', password: secret() },
    },
    redis: { password: secret() },
    farmKey: randomBytes(32).toString('hex'),
  };
  writeJson(path, credentials);
  return credentials;
}

/** 192 random bits in hex: safe in URLs and configuration files as it is. */
function secret(): string {
  return randomBytes(24).toString('hex');
}
