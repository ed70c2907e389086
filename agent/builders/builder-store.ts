import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { builderToken } from '../../shared/domain/builder.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { ownFolder, removeTree } from '../sandbox/tree.ts';
import { RECORD_NAME, TREE_NAME } from './fetch-builder.ts';
import { measureTree } from './measure-tree.ts';
import { type BuilderRecord, BuilderRecordSchema, type WarmBuilder } from './warm-builder.ts';

/*
 * Builders on disk: `<token>/<digest>/{tree,builder.json}`. A folder whose name begins with a dot is being filled or removed,
 * and means nothing after a restart.
 */

/** The builders that lie in `directory`, oldest first. Removes what an earlier life left half done. */
export async function loadBuilders(
  directory: string,
): Promise<readonly { readonly builder: WarmBuilder; readonly warmedAt: number }[]> {
  await ownFolder(directory);
  const found: { builder: WarmBuilder; warmedAt: number }[] = [];
  for (const { name: token } of (await readdir(directory, { withFileTypes: true })).filter((entry) =>
    entry.isDirectory(),
  )) {
    const folder = join(directory, token);
    if (token.startsWith('.')) await removeTree(folder);
    else {
      for (const digest of await readdir(folder)) {
        const read = await readRecord(join(folder, digest), token, digest);
        if (read) {
          const record = await measured(join(folder, digest), read);
          found.push({ builder: warmBuilder(directory, record), warmedAt: record.warmedAt });
        } else await discard(directory, join(folder, digest));
      }
      await rmdir(folder).catch(() => undefined);
    }
  }
  return found.sort((one, other) => one.warmedAt - other.warmedAt);
}

/** An empty folder to fetch a builder into. */
export async function newStaging(directory: string): Promise<string> {
  const staging = join(directory, `.fetch-${randomBytes(8).toString('hex')}`);
  await mkdir(staging, { recursive: true });
  return staging;
}

/** Moves a fetched builder to its place: from here on it is warm, also after a restart. */
export async function keepBuilder(
  directory: string,
  staging: string,
  record: BuilderRecord,
): Promise<WarmBuilder> {
  const token = builderToken(record.source);
  const place = join(directory, token, record.source.digest);
  try {
    await mkdir(join(directory, token), { recursive: true });
    await discard(directory, place);
    await rename(staging, place);
  } catch (cause) {
    throw new FarmError('infrastructure', `could not keep ${place}: ${messageOf(cause)}`, {
      cause,
      details: { breakage: 'disk' },
    });
  }
  return warmBuilder(directory, record);
}

/** Removes a builder; in one step it is no longer there for a restart, whatever happens meanwhile. */
export async function removeBuilder(directory: string, builder: WarmBuilder): Promise<void> {
  const token = builderToken(builder.source);
  await discard(directory, join(directory, token, builder.source.digest));
  await rmdir(join(directory, token)).catch(() => undefined);
}

async function discard(directory: string, place: string): Promise<void> {
  const trash = join(directory, `.trash-${randomBytes(8).toString('hex')}`);
  try {
    await rename(place, trash);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return;
    throw thrown;
  }
  await removeTree(trash);
}

function warmBuilder(directory: string, record: BuilderRecord): WarmBuilder {
  const { version: _version, signedBy: _signedBy, warmedAt: _warmedAt, ...rest } = record;
  const { source } = record;
  return {
    ...rest,
    directory: join(directory, builderToken(source), source.digest, TREE_NAME),
  };
}

/**
 * A record with the size of its tree: one of an earlier version lacks it, and is completed. Where it cannot be written, on a
 * full disk, that is done again at the next start.
 */
async function measured(place: string, record: BuilderRecord): Promise<BuilderRecord> {
  if (record.sizeBytes !== undefined) return record;
  const complete = { ...record, sizeBytes: await measureTree(join(place, TREE_NAME)) };
  const draft = join(place, `.${RECORD_NAME}`);
  await writeFile(draft, JSON.stringify(complete))
    .then(async () => await rename(draft, join(place, RECORD_NAME)))
    .catch(async () => await rm(draft, { recursive: true, force: true }));
  return complete;
}

/** `undefined` for what an older or newer wrtfarm wrote, or anything else that cannot be used. */
async function readRecord(place: string, token: string, digest: string): Promise<BuilderRecord | undefined> {
  try {
    const record = parseJsonAs(
      BuilderRecordSchema,
      await readFile(join(place, RECORD_NAME), 'utf8'),
      RECORD_NAME,
    );
    const isItself = builderToken(record.source) === token && record.source.digest === digest;
    return isItself && (await readdir(join(place, TREE_NAME))).length > 0 ? record : undefined;
  } catch {
    return undefined;
  }
}
