import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { openS3Store } from '../../coordinator/artifacts/s3/open-s3-store.ts';
import { checkS3Settings, S3_PROPERTIES, s3SettingsOf } from '../../coordinator/artifacts/s3/s3-config.ts';
import type { S3Store } from '../../coordinator/artifacts/s3/s3-store.ts';
import { systemClock } from '../../shared/clock.ts';
import { parseSettings, type RawSettings } from '../../shared/env.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { createLog, type Log } from '../../shared/log.ts';
import type { TestS3 } from './servers/start-s3.ts';

/** The store of one coordinator in a test's bucket, with a folder of its own. */
export async function openTestS3Store(
  s3: Pick<TestS3, 'settings'>,
  changes: RawSettings = {},
  log: Pick<Log, 'warn' | 'info'> = createLog('store', process.env.TEST_LOG ? 'debug' : 'silent'),
): Promise<AsyncDisposable & { readonly store: S3Store; readonly folder: string }> {
  const raw = { ...s3.settings, ...changes };
  const config = parseSettings(Type.Object(S3_PROPERTIES), raw);
  checkS3Settings(raw, config);
  const settings = s3SettingsOf(config);
  if (!settings) throw new Error('the settings name no bucket');
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-s3-'));
  const opened = new Disposers();
  opened.add('folder', () => rm(folder, { recursive: true }));
  try {
    const { store } = opened.use('store', await openS3Store(settings, { folder, clock: systemClock, log }));
    return { store, folder, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}
