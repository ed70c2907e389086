import { Redis } from 'ioredis';
import { DirectoryStore } from '../../coordinator/artifacts/directory-store.ts';
import type { BuildJson } from '../../coordinator/artifacts/sealed-build.ts';
import { BuildStore } from '../../coordinator/builds/build-store.ts';
import { sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { requestEcho } from '../../coordinator/builds/request-echo.ts';
import { binDir } from '../../shared/domain/build.ts';

/** Makes a queued build done without an agent, with an answer as a small image has it. */
export async function finishBuild(
  farm: { readonly redisUrl: string; readonly artifactsFolder: string },
  requestHash: string,
): Promise<void> {
  const redis = new Redis(farm.redisUrl);
  try {
    const builds = new BuildStore(redis, new RedisScripts(redis));
    const record = await builds.get(requestHash);
    if (!record) throw new Error(`there is no build ${requestHash}`);
    const answer = {
      id: record.spec.profile,
      target: record.spec.target,
      version_number: record.spec.version,
      version_code: 'r28959-29397011cc',
      bin_dir: binDir(requestHash, record.generation),
      titles: [{ vendor: 'Generic', model: 'x86/64' }],
      images: [{ filesystem: 'squashfs', name: 'image.img.gz', type: 'combined', sha256: 'a'.repeat(64) }],
      manifest: Object.fromEntries(record.spec.packages.slice(0, 10).map((name) => [name, '1.0-r1'])),
      build_cmd: ['make', 'image', 'PROFILE=generic'],
      build_at: '2025-10-19T17:50:16.000000Z',
      stdout: '',
      stderr: '',
      request: { ...requestEcho(record), packages: record.spec.packages.slice(0, 20) },
      imagebuilder_status: 'done',
      detail: 'done',
      status: 200,
      request_hash: requestHash,
    };
    const sealed = { ...sealFarmFailure(record, ''), outcome: 'done' as const, answer, isCacheable: true };
    await builds.abandon(record, sealed);
    const now = Date.now();
    const json: BuildJson = {
      version: 1,
      requestHash,
      generation: record.generation,
      attempt: 1,
      lane: record.lane,
      source: record.source,
      spec: record.spec,
      client: record.client,
      acceptedAt: record.acceptedAt,
      finishedAt: now,
      expiresAt: now + sealed.keepMs,
      ...sealed,
    };
    await new DirectoryStore(farm.artifactsFolder).commit(json);
    await builds.finish(json);
  } finally {
    redis.disconnect();
  }
}
