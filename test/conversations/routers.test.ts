import { afterEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { AUC_0_3_2, AUC_OF_2021, Auc } from '../support/clients/auc.ts';
import type { Device, UpgradeResult } from '../support/clients/device.ts';
import { OWUT_2024, OWUT_2026, Owut } from '../support/clients/owut.ts';
import type { Table } from '../support/clients/typed.ts';
import { useFarm } from '../support/use-farm.ts';

/* What routers say to the server when their owners type `owut upgrade` or `auc`, to the end: a verified image. */

const used = useFarm({ agent: { slots: '2' }, coordinator: { allowDefaults: 'true' } });

const ARCHER: Device = {
  version: '23.05.6',
  target: 'ath79/generic',
  boardName: 'tplink,archer-c7-v5',
  filesystem: 'squashfs',
  packages: ['base-files', 'busybox', 'dropbear', 'kmod-ath9k', 'libgcc', 'luci', 'tcpdump'],
};
const PC: Device = {
  version: '24.10.4',
  target: 'x86/64',
  boardName: 'pcengines,apu2',
  filesystem: 'ext4',
  packages: ['base-files', 'dropbear', 'kmod-igb', 'luci'],
};

function expectImage(result: UpgradeResult, name: RegExp): void {
  expect(result.name).toMatch(name);
  expect(result.bytes.length).toBeGreaterThan(0);
  expect(sha256Hex(result.bytes)).toBe(result.sha256);
}

/** What the server says of the build that was polled last. */
async function lastAnswerTo({ http }: Owut): Promise<Table> {
  const poll = http.exchanges.findLast(({ url }) => /\/build\/[0-9a-f]{64}$/.test(url));
  return (await http.get(poll?.url ?? '')).json;
}

describe('owut of 2026', () => {
  test('upgrades to the next release, with renamed packages in exactly the versions it named', async () => {
    const device = {
      ...ARCHER,
      packages: [...ARCHER.packages, 'auc', 'luci-app-opkg', 'luci-app-diag-core'],
    };
    const owut = new Owut(`${used.farm.url}/`, device, OWUT_2026);
    const result = await owut.upgrade('24.10.4');
    expectImage(result, /^openwrt-24\.10\.4-.*archer-c7-v5-squashfs-sysupgrade\.bin$/);
    expect(result.shown).toContain('building_image');
    expect(owut.http.exchanges.filter(({ method }) => method === 'HEAD').length).toBeGreaterThan(0);
    const faillogs = owut.http.exchanges.filter(({ url }) => url.includes('faillogs'));
    expect(faillogs.map(({ url, status }) => [new URL(url).pathname, status])).toEqual([
      ['/releases/faillogs-24.10/mips_24kc/', 404],
    ]);
  });

  test('stays on its release, on a PC started by UEFI, whose profile is generic', async () => {
    const owut = new Owut(used.farm.url, { ...PC, efi: true }, OWUT_2026);
    expectImage(await owut.upgrade('24.10.4'), /ext4-combined-efi\.img\.gz$/);
  });

  test('follows a snapshot of apk', async () => {
    const owut = new Owut(
      used.farm.url,
      { ...ARCHER, version: 'SNAPSHOT', boardName: 'carambola2' },
      OWUT_2026,
    );
    expectImage(await owut.upgrade('SNAPSHOT'), /8dev_carambola2/);
    const paths = owut.http.exchanges.map(({ url }) => new URL(url).pathname);
    expect(paths).toContain('/snapshots/faillogs/mips_24kc/');
  });

  test('has its own size of the root filesystem and its first-boot script built in', async () => {
    const options = { rootfsSizeMb: 256, initScript: "uci set system.@system[0].hostname='one'\n" };
    const owut = new Owut(used.farm.url, PC, OWUT_2026, options);
    expectImage(await owut.upgrade('24.10.4'), /ext4-combined\.img\.gz$/);
    const { build_cmd, request } = await lastAnswerTo(owut);
    expect(build_cmd).toContain('ROOTFS_PARTSIZE=256');
    expect(build_cmd).toContainEqual(expect.stringMatching(/^FILES=/));
    expect(request).toMatchObject({ rootfs_size_mb: 256 });
  });

  test.each([
    ['a larger root filesystem', { rootfsSizeMb: 1025 }],
    ['a longer script', { initScript: '#'.repeat(20_481) }],
  ])('does not even ask for %s than the server takes', async (_what, options) => {
    const owut = new Owut(used.farm.url, PC, OWUT_2026, options);
    await expect(owut.upgrade('24.10.4')).rejects.toThrow('maximum');
    expect(owut.http.exchanges.map(({ method }) => method)).toEqual(['GET']);
  });

  describe('where an index is missing', () => {
    afterEach(() => used.farm.upstream.clearFaults());

    test('names no versions, on a device with an old name, and gets its image', async () => {
      used.farm.upstream.fault(/25\.12\.0\/targets\/mediatek\/filogic\/packages\/index\.json$/, 'not-found');
      const device: Device = {
        ...{ version: '25.12.0', target: 'mediatek/filogic', boardName: 'glinet,mt6000' },
        filesystem: 'squashfs',
        packages: ['dropbear', 'kernel', 'libgcc', 'luci'],
      };
      const owut = new Owut(used.farm.url, device, OWUT_2026);
      expectImage(await owut.upgrade('25.12.0'), /glinet_gl-mt6000-squashfs-sysupgrade\.bin$/);
      expect((await lastAnswerTo(owut)).request).toMatchObject({
        packages: expect.arrayContaining([...device.packages]),
        packages_versions: {},
      });
    });
  });

  test('gets a finished image at once: no poll', async () => {
    await new Owut(used.farm.url, PC, OWUT_2026).upgrade('24.10.4');
    const again = new Owut(used.farm.url, PC, OWUT_2026);
    const result = await again.upgrade('24.10.4');
    expectImage(result, /ext4-combined\.img\.gz$/);
    expect(result.shown).toEqual([]);
    expect(again.http.exchanges.some(({ method }) => method === 'HEAD')).toBe(false);
  });

  test('shows why there is no image', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'wpad-mbedtls', 'wpad-mesh-mbedtls'] };
    await expect(new Owut(used.farm.url, device, OWUT_2026).upgrade('24.10.4')).rejects.toThrow(
      /^Error: Impossible package selection: conflicts \(wpad-mbedtls, wpad-mesh-mbedtls\)[\s\S]*Build failed with status 500$/,
    );
  });
});

describe('owut of 2024, which follows no redirect and names no versions', () => {
  test('upgrades', async () => {
    const owut = new Owut(used.farm.url, { ...ARCHER, version: '24.10.4' }, OWUT_2024);
    expectImage(await owut.upgrade('25.12.0'), /^openwrt-25\.12\.0-.*sysupgrade\.bin$/);
    const statuses = new Set(owut.http.exchanges.map(({ status }) => status));
    expect([...statuses].filter((status) => status >= 300 && status < 400)).toEqual([]);
  });
});

describe('auc 0.3.2', () => {
  test('upgrades to the newest release of a branch, reading only fields of the right type', async () => {
    const auc = new Auc(used.farm.url, ARCHER, AUC_0_3_2);
    const result = await auc.upgrade('24.10');
    expectImage(result, /^openwrt-24\.10\.4-.*archer-c7-v5-squashfs-sysupgrade\.bin$/);
    expect(Math.max(...auc.http.exchanges.map(({ url }) => url.length))).toBeLessThanOrEqual(255);
  });

  test.each([
    ['started by BIOS', false, /squashfs-combined\.img\.gz$/],
    ['started by UEFI', true, /squashfs-combined-efi\.img\.gz$/],
  ])('finds no image of its file system and takes squashfs, on a PC %s', async (_how, efi, name) => {
    // A request may name it, and no PC has it.
    const auc = new Auc(used.farm.url, { ...PC, filesystem: 'ubifs', efi }, AUC_0_3_2);
    expectImage(await auc.upgrade('24.10'), name);
  });

  test('names the package that nobody knows', async () => {
    const reply = await new Auc(used.farm.url, ARCHER, AUC_0_3_2).http.post(`${used.farm.url}/api/v1/build`, {
      version: '24.10.4',
      target: 'x86/64',
      profile: 'generic',
      packages_versions: { gone: '1' },
    });
    expect(reply.status).toBe(422);
    expect(reply.header('x-unknown-package')).toBe('gone');
  });

  test('shows what the ImageBuilder said', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'dangling'] };
    await expect(new Auc(used.farm.url, device, AUC_0_3_2).upgrade('24.10')).rejects.toThrow(
      /Error: Impossible package selection: missing \(no-such-library\)$/,
    );
  });
});

describe('auc of 2021, on the paths without a version', () => {
  test('upgrades, waiting by words', async () => {
    const result = await new Auc(used.farm.url, ARCHER, AUC_OF_2021).upgrade('23.05');
    expectImage(result, /^openwrt-23\.05\.6-.*archer-c7-v5-squashfs-sysupgrade\.bin$/);
    expect(result.shown.length).toBeGreaterThan(0);
    for (const text of result.shown) expect(text).toMatch(/^(queued \d+|started)/);
  });

  test('shows why there is no image', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'dangling'] };
    await expect(new Auc(used.farm.url, device, AUC_OF_2021).upgrade('23.05')).rejects.toThrow(
      /Impossible package selection: missing \(no-such-library\)/,
    );
  });
});
