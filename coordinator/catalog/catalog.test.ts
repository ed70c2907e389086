import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../shared/log.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { createTestClock, type TestClock } from './test-clock.test.support.ts';
import { startTinyUpstream, type TinyUpstream } from './tiny-upstream.test.support.ts';

describe('the catalog', () => {
  let upstream: TinyUpstream;
  let clock: TestClock;
  let catalog: Catalog;

  beforeEach(async () => {
    upstream = await startTinyUpstream();
    clock = createTestClock();
    catalog = createCatalog(
      { clock, log: silentLog },
      {
        upstream: upstream.url,
        freshMs: 60_000,
        limits: { idleMs: 200, totalMs: 1_000 },
        patienceMs: 50,
        version: '0.1.0',
        contact: 'me@example.org',
        allowDefaults: true,
        repositoryAllowList: ['https://ok.example/'],
        publicUpstream: 'https://public.example/',
      },
    );
  });

  afterEach(async () => {
    await catalog[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  test('the overview tells every branch, and keeps its bytes until upstream changes', async () => {
    const bytes = await catalog.overview();
    const overview = JSON.parse(bytes.toString());
    expect(overview.latest).toEqual(['25.12.0', '24.10.4']);
    expect(Object.keys(overview.branches)).toEqual(['SNAPSHOT', '25.12', '24.10', '23.05', '22.03', '21.02']);
    expect(overview.branches['24.10']).toMatchObject({
      name: '24.10',
      enabled: true,
      path: 'releases/{version}',
      path_packages: 'DEPRECATED',
      versions: ['24.10.10', '24.10.9', '24.10.4', '24.10.0-rc1', '24.10-SNAPSHOT'],
      targets: {},
    });
    expect(overview.branches['25.12'].targets).toEqual({ 'x86/64': 'x86_64' });
    expect(overview.upstream_url).toBe('https://public.example');
    expect(overview.server).toEqual({
      version: '0.1.0',
      contact: 'me@example.org',
      allow_defaults: true,
      repository_allow_list: ['https://ok.example/'],
      max_custom_rootfs_size_mb: 1024,
      max_defaults_length: 20480,
    });
    clock.advance(60_000);
    expect(await catalog.overview()).toBe(bytes);
    upstream.files.set('.versions.json', JSON.stringify({ versions_list: ['25.12.0'] }));
    clock.advance(60_000);
    expect(JSON.parse((await catalog.overview()).toString()).latest).toEqual([]);
  });

  test('targets that cannot be read are told as those of an older version: without any, clients lose the branch', async () => {
    upstream.troubles.set('releases/24.10.10/.targets.json', { status: 500, text: '' });
    upstream.troubles.set('releases/25.12.0/.targets.json', 'hang');
    const { branches } = JSON.parse((await catalog.overview()).toString());
    expect(branches['24.10'].targets).toEqual({ 'ath79/generic': 'mips_24kc', 'x86/64': 'x86_64' });
    expect(branches['25.12'].targets).toEqual({});
    expect(catalog.failing()).toEqual({ old: 0, absent: 2 });
  });

  test('without versions there is no overview', async () => {
    upstream.troubles.set('.versions.json', { status: 200, text: '<html>' });
    await expect(catalog.overview()).rejects.toMatchObject({
      code: 'unavailable',
      details: { document: '.versions.json' },
    });
    upstream.troubles.clear();
    upstream.files.delete('.versions.json');
    clock.advance(5_000);
    await expect(catalog.overview()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('the current source is pinned, follows upstream, and is not found where upstream has none', async () => {
    const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
    const sums = 'releases/24.10.4/targets/x86/64/sha256sums';
    expect(await catalog.currentSource(builder)).toEqual({
      ...builder,
      versionPath: 'releases/24.10.4',
      digest: 'a'.repeat(64),
    });
    upstream.files.set(sums, String(upstream.files.get(sums)).replaceAll('a'.repeat(64), 'c'.repeat(64)));
    clock.advance(60_000);
    expect((await catalog.currentSource(builder)).digest).toBe('c'.repeat(64));
    for (const other of [
      { ...builder, target: 'x86/generic' },
      { ...builder, version: '19.07.7' },
    ]) {
      await expect(catalog.currentSource(other)).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});
