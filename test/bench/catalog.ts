import { performance } from 'node:perf_hooks';
import { createCatalog } from '../../coordinator/catalog/catalog.ts';
import { RequestResolver } from '../../coordinator/catalog/request-resolver.ts';
import { parseBuildRequest } from '../../coordinator/http/parse-build-request.ts';
import { systemClock } from '../../shared/clock.ts';
import { requestHash } from '../../shared/domain/build-spec.ts';
import { silentLog } from '../../shared/log.ts';
import { largeTargets, packageNames, REAL_SIZE } from '../support/upstream/large-catalog-content.ts';
import { LARGE_RELEASES } from '../support/upstream/write-large-catalog.ts';
import { type BenchFarm, startBenchFarm } from './bench-farm.ts';
import type { CoordinatorFacts } from './coordinator-process.ts';

/*
 * What upstream's metadata of real size costs: memory of a coordinator that has read six releases whole, and CPU time to read and
 * check a request for 150 packages. Ends with 1 when a reach is missed.
 */

const MEMORY_REACH_MB = 300;
const CHECK_REACH_MS = 1;
const CHECKS = 5_000;

const misses = [await measureMemory(), await measureCheck()].filter((miss) => miss !== undefined);
process.stdout.write(misses.length === 0 ? 'every reach is met\n' : `missed: ${misses.join(', ')}\n`);
process.exitCode = misses.length === 0 ? 0 : 1;

/** Asks for a build and for what clients read of every target of every release, and looks how large the process became. */
async function measureMemory(): Promise<string | undefined> {
  await using farm = await startBenchFarm({}, {}, ['--expose-gc']);
  const before = await farm.facts();
  const tookMs = await readEverything(farm);
  const after = await farm.facts();
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`;
  const told = (facts: CoordinatorFacts): string =>
    `${megabytes(facts.residentBytes)} (heap ${megabytes(facts.heapBytes)}, outside of it ${megabytes(facts.externalBytes)})`;
  process.stdout.write(
    `${LARGE_RELEASES.length} releases of ${REAL_SIZE.targets} targets, ${REAL_SIZE.profiles} profiles and ` +
      `${REAL_SIZE.architectures} × ${REAL_SIZE.packages} packages, read in ${(tookMs / 1000).toFixed(1)} s\n` +
      `resident memory: ${told(before)} at first\n                 ${told(after)} with all of it, reach: below ${MEMORY_REACH_MB} MB\n`,
  );
  return after.residentBytes < MEMORY_REACH_MB * 1024 ** 2 ? undefined : 'memory';
}

async function readEverything({ url }: BenchFarm): Promise<number> {
  const startedAt = performance.now();
  const targets = largeTargets(REAL_SIZE);
  const packages = packageNames(REAL_SIZE.packages).filter((_name, at) => at % 500 === 0);
  for (const [version] of LARGE_RELEASES) {
    for (const { name: target, architecture } of targets) {
      const profile = target === 'x86/64' ? 'generic' : 'vendor0_model-0';
      const body = JSON.stringify({ version, target, profile, packages });
      const headers = { 'content-type': 'application/json' };
      const asked = await fetch(`${url}/api/v1/build`, { method: 'POST', headers, body });
      if (asked.status !== 202)
        throw new Error(`${version} ${target}: ${asked.status} ${await asked.text()}`);
      await asked.arrayBuffer();
      const folder = `${url}/json/v1/releases/${version}`;
      for (const path of [
        `targets/${target}/index.json`,
        `targets/${target}/${profile}.json`,
        `packages/${architecture}-index.json`,
      ]) {
        const response = await fetch(`${folder}/${path}`);
        if (!response.ok) throw new Error(`${version} ${path}: ${response.status}`);
        await response.arrayBuffer();
      }
    }
  }
  return performance.now() - startedAt;
}

/** Reads and checks requests in this process, with the catalog warm, and counts its CPU time. */
async function measureCheck(): Promise<string | undefined> {
  await using farm = await startBenchFarm({ releases: 1 });
  await using catalog = createCatalog(
    { clock: systemClock, log: silentLog },
    {
      upstream: farm.upstream.url,
      freshMs: 600_000,
      version: '0',
      contact: '',
      allowDefaults: false,
      repositoryAllowList: [],
      publicUpstream: farm.upstream.url,
    },
  );
  const resolver = new RequestResolver(
    { catalog, clock: systemClock, log: silentLog },
    { allowDefaults: false, repositoryAllowList: [] },
  );
  const names = packageNames(REAL_SIZE.packages);
  const bodyOf = (at: number): string =>
    JSON.stringify({
      version: LARGE_RELEASES[0]?.[0],
      target: 'x86/64',
      profile: 'generic',
      diff_packages: true,
      packages: Array.from({ length: 150 }, (_, nth) => names[(at * 13 + nth * 61) % names.length]),
    });
  const check = async (text: string): Promise<string> => {
    const request = parseBuildRequest(JSON.parse(text));
    return requestHash((await resolver.resolve(request)).spec);
  };
  const texts = Array.from({ length: 500 }, (_, at) => bodyOf(at));
  for (const text of texts) await check(text);
  const usedBefore = process.cpuUsage();
  for (let at = 0; at < CHECKS; at += 1) await check(texts[at % texts.length] ?? '');
  const used = process.cpuUsage(usedBefore);
  const eachMs = (used.user + used.system) / 1000 / CHECKS;
  process.stdout.write(
    `reading and checking a request for 150 packages: ${eachMs.toFixed(3)} ms of CPU (reach: below ${CHECK_REACH_MS} ms)\n`,
  );
  return eachMs < CHECK_REACH_MS ? undefined : 'checking a request';
}
