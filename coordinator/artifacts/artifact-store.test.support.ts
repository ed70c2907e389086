import { text } from 'node:stream/consumers';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { binDir } from '../../shared/domain/build.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import type { ArtifactStore } from './artifact-store.ts';
import type { BuildJson } from './sealed-build.ts';

export const requestHash = 'a'.repeat(64);
export const firstGeneration = '1'.repeat(32);
export const secondGeneration = '2'.repeat(32);
export const attempt = `${requestHash}.${firstGeneration}.1`;
export const folder = binDir(requestHash, firstGeneration);

export function artifact(name: string, content: string | Buffer): Artifact {
  return { name, sha256: sha256Hex(content), sizeBytes: content.length };
}

/** Bytes as an upload brings them. */
export async function* chunks(...contents: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const content of contents) yield Buffer.from(content);
}

/** Uploads a file whole. */
export async function stage(
  store: ArtifactStore,
  name: string,
  content: string | Buffer,
  key = attempt,
): Promise<Artifact> {
  const staged = artifact(name, content);
  await store.write(key, staged, 0, chunks(content));
  return staged;
}

export function buildJson(changes: Partial<BuildJson> = {}): BuildJson {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
  return {
    version: 1,
    requestHash,
    generation: firstGeneration,
    attempt: 1,
    lane: 'open',
    source: { ...builder, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) },
    spec: plainSpec(builder),
    client: null,
    acceptedAt: 1_000,
    finishedAt: 2_000,
    expiresAt: 3_000,
    outcome: 'done',
    artifacts: [],
    attemptKey: attempt,
    agentId: 'attic',
    answer: { status: 200, detail: 'done' },
    isCacheable: true,
    keepMs: 1_000,
    ...changes,
  };
}

/** Stages, keeps and commits a build of these files. */
export async function finish(
  store: ArtifactStore,
  files: Readonly<Record<string, string>>,
  changes: Partial<BuildJson> = {},
): Promise<BuildJson> {
  const artifacts = await Promise.all(
    Object.entries(files).map(([name, content]) => stage(store, name, content)),
  );
  const json = buildJson({ artifacts, ...changes });
  await store.makePermanent(attempt, binDir(json.requestHash, json.generation), artifacts);
  return await store.commit(json);
}

export async function contentOf(
  store: ArtifactStore,
  folder: string,
  name: string,
): Promise<string | undefined> {
  const file = await store.find(folder, name);
  return file && (await text(file.read()));
}
