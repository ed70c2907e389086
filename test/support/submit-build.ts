import type { Redis } from 'ioredis';
import { BuildIndex } from '../../coordinator/builds/build-index.ts';
import { type BuildOwner, OPERATOR } from '../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import type { BuildStore, SubmittedBuild } from '../../coordinator/builds/build-store.ts';

/** Submits to a Redis that loses nothing meanwhile. */
export async function submitBuild(
  { redis, builds }: { readonly redis: Redis; readonly builds: Pick<BuildStore, 'submit'> },
  request: ResolvedRequest,
  maxQueued: number,
  owner: BuildOwner = OPERATOR,
): Promise<SubmittedBuild> {
  const since = await new BuildIndex(redis).life();
  const submitted = await builds.submit(request, { since, maxQueued, owner });
  if (!submitted) throw new Error('Redis was emptied');
  return submitted;
}
