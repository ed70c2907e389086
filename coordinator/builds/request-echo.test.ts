import { expect, test } from 'vitest';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { sampleRecord } from '../http/sample-record.test.support.ts';
import { requestEcho } from './request-echo.ts';

const { spec } = sampleRecord();

test('the echo holds every field a client may send, with defaults filled in', () => {
  expect(requestEcho({ spec, client: null })).toEqual({
    distro: 'openwrt',
    version: '24.10.4',
    version_code: 'r1-abc',
    target: 'ath79/generic',
    profile: 'generic',
    packages: ['vim'],
    packages_versions: {},
    diff_packages: true,
    defaults: null,
    rootfs_size_mb: null,
    filesystem: null,
    repositories: {},
    repositories_mode: 'replace',
    repository_keys: [],
    client: null,
  });
});

test('what was asked for comes back as it was asked for', () => {
  const asked: BuildSpec = {
    ...spec,
    packages: ['vim', '-ppp', 'luci'],
    packagesVersions: { vim: '9.1~2' },
    rootfsSizeMb: 256,
    filesystem: 'ext4',
    repositories: { mine: 'https://example.org/feed' },
    repositoriesMode: 'append',
    repositoryKeys: ['RWQ'],
    diffPackages: false,
  };
  expect(requestEcho({ spec: asked, client: 'owut/1' })).toMatchObject({
    packages: ['vim', '-ppp', 'luci'],
    packages_versions: { vim: '9.1~2' },
    rootfs_size_mb: 256,
    filesystem: 'ext4',
    repositories: { mine: 'https://example.org/feed' },
    repositories_mode: 'append',
    repository_keys: ['RWQ'],
    diff_packages: false,
    client: 'owut/1',
  });
});

test('the first-boot script stays here', () => {
  const echo = requestEcho({ spec: { ...spec, defaults: 'psk=hunter2' }, client: null });
  expect(echo.defaults).toBeNull();
  expect(JSON.stringify(echo)).not.toContain('hunter2');
});
