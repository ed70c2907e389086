import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { FarmError, messageOf } from '../shared/errors.ts';
import { freeDiskBytes } from '../shared/free-disk.ts';
import type { Disposers } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import type { ArtifactStore } from './artifacts/artifact-store.ts';
import { DirectoryStore } from './artifacts/directory-store.ts';
import { s3SettingsOf } from './artifacts/s3/s3-config.ts';
import type { CoordinatorConfig } from './config.ts';

/** Bytes free where files of attempts come in. Throws FarmError `unavailable` while there is no folder yet. */
export async function artifactDiskFree(config: Pick<CoordinatorConfig, 'artifacts'>): Promise<number> {
  return await freeDiskBytes(config.artifacts).catch((cause: unknown) => {
    throw new FarmError('unavailable', `${config.artifacts} cannot be measured: ${messageOf(cause)}`, {
      cause,
    });
  });
}

/**
 * The artifact store that the settings ask for: a bucket where they name one, else the folder. What S3 needs is loaded with it only.
 * @throws FarmError `unavailable` when the bucket cannot be used.
 */
export async function openArtifacts(
  config: CoordinatorConfig,
  { clock, log, opened }: { readonly clock: Clock; readonly log: Log; readonly opened: Disposers },
): Promise<ArtifactStore> {
  const settings = s3SettingsOf(config);
  if (!settings) return new DirectoryStore(config.artifacts);
  const isThere = await stat(join(config.artifacts, 'builds')).catch(() => undefined);
  if (isThere)
    log.warn({ folder: config.artifacts }, 'results in this folder are not served: a bucket is configured');
  // Its library warns of a later Node on standard error, which is for lines of JSON; the version is held, see CONTRIBUTING.md.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { openS3Store } = await import('./artifacts/s3/open-s3-store.ts');
  const folder = join(config.artifacts, 'staging');
  return opened.use('S3', await openS3Store(settings, { folder, clock, log })).store;
}
