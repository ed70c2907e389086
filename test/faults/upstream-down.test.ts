import { afterEach, describe, expect, test } from 'vitest';
import { BuildClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, hashFor } from '../support/wire-builds.ts';

const used = useFarm({ agents: 0, coordinator: { catalogFreshMs: '200', catalogReleaseFreshMs: '200' } });
const { wire } = used;
const metrics = new BuildClient(() => used.farm.url);

const OVERVIEW = '/json/v1/overview.json';
const INDEX = '/json/v1/releases/24.10.4/packages/mips_24kc-index.json';
const STALE = /^upstream does not answer as it should: \d+ of its documents are served from older copies$/;

async function readiness(): Promise<{ readonly status: number; readonly catalog: unknown }> {
  const { status, json } = await wire.get('/readyz');
  return { status, catalog: (json.checks as Readonly<Record<string, unknown>>).catalog };
}

afterEach(() => used.farm.upstream.clearFaults());

describe.each(['reset', 'html'] as const)('while upstream answers with %s', (fault) => {
  test('what was known is told and built, the operator sees that it is old, and that it no longer is', async () => {
    const fresh = { ready: { status: 200, catalog: { ok: true } }, stale: 0 };
    const state = async () => ({
      ready: await readiness(),
      stale: await metrics.metric('wrtfarm_catalog_stale'),
    });
    const known = [await wire.get(OVERVIEW), await wire.get(INDEX)];
    const hash = await hashFor(wire, ARCHER);
    await eventually(async () => {
      for (const path of [OVERVIEW, INDEX]) await wire.get(path);
      expect(await state()).toEqual(fresh);
    });

    used.farm.upstream.fault(/./, fault);
    await eventually(async () => {
      await wire.get(OVERVIEW);
      const catalog = { ok: true, detail: expect.stringMatching(STALE) };
      expect(await state()).toEqual({ ready: { status: 200, catalog }, stale: 1 });
    });
    for (const [at, path] of [OVERVIEW, INDEX].entries()) {
      const reply = await wire.get(path);
      expect([reply.status, reply.text], path).toEqual([200, known[at]?.text]);
    }
    expect(await hashFor(wire, ARCHER)).toBe(hash);

    used.farm.upstream.clearFaults();
    await eventually(async () => {
      for (const path of [OVERVIEW, INDEX]) await wire.get(path);
      await hashFor(wire, ARCHER);
      expect(await state()).toEqual(fresh);
    });
  });
});

test('what was never read is told to be missing for now, not to be none', async () => {
  used.farm.upstream.fault(/25\.12\.0/, 'status-500');
  const index = await wire.get('/json/v1/releases/25.12.0/packages/x86_64-index.json');
  const build = await wire.post('/api/v1/build', { ...ARCHER, version: '25.12.0' });
  expect([index.status, build.status]).toEqual([502, 503]);
  for (const reply of [index, build]) {
    expect(Number(reply.header('retry-after'))).toBeGreaterThan(0);
    expect(reply.text).not.toContain(used.farm.upstream.url);
  }
});
