import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { Disposers } from '../../shared/lifecycle.ts';
import { silentLog } from '../../shared/log.ts';
import { NO_PROXIES } from '../../shared/proxies.ts';
import { openSandbox } from '../sandbox/open-sandbox.ts';
import { type BuilderCache, openBuilderCache } from './builder-cache.ts';
import { openDownloader } from './downloader.ts';
import type { DiskLimits } from './plan-room.ts';
import type { SmallUpstream } from './small-upstream.test.support.ts';

export interface TestCacheOptions {
  /** The agent's folder. */
  readonly data: string;
  readonly upstream: SmallUpstream;
  /** Default: no limits. */
  readonly disk?: DiskLimits;
  /** What is free on the disk. Default: a petabyte. */
  readonly freeBytes?: () => number;
  readonly onRemoved?: () => void;
}

/** A builder cache as the agent has it, with a sandbox and a downloader of its own; `opened` closes it. */
export async function openTestCache(
  opened: Disposers,
  { data, upstream, disk = { reserveBytes: 0 }, freeBytes = () => 1e15, onRemoved }: TestCacheOptions,
): Promise<BuilderCache> {
  const sandbox = await openSandbox(
    { log: silentLog },
    { directory: join(data, 'attempts'), environment: {} },
  );
  const downloader = opened.use('downloader', openDownloader({ proxies: NO_PROXIES, idleTimeoutMs: 5_000 }));
  return opened.use(
    'cache',
    await openBuilderCache(
      {
        ...{ sandbox, downloader, clock: systemClock, log: silentLog },
        freeDiskBytes: async () => freeBytes(),
        onRemoved: onRemoved ?? (() => undefined),
      },
      {
        directory: join(data, 'builders'),
        upstream: `${upstream.url}/`,
        addedKeys: [upstream.key],
        disk,
      },
    ),
  );
}
