import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { Device, UpgradeResult } from '../support/clients/device.ts';
import { FirmwareSelector } from '../support/clients/firmware-selector.ts';
import { LuciOf2020, LuciOf2021, Yafs } from '../support/clients/first-clients.ts';
import { Luci } from '../support/clients/luci.ts';
import { useFarm } from '../support/use-farm.ts';

/* What pages in a browser say to the server, of other origins than its own, to the end: a verified image. */

const used = useFarm({ agent: { slots: '2' } });

const ARCHER: Device = {
  version: '24.10.4',
  target: 'ath79/generic',
  boardName: 'tplink,archer-c7-v5',
  filesystem: 'squashfs',
  packages: ['base-files', 'kernel', 'libc', 'luci', 'luci-app-attendedsysupgrade'],
};

function expectImage(result: UpgradeResult, name: RegExp): void {
  expect(result.name).toMatch(name);
  expect(result.bytes.length).toBeGreaterThan(0);
  expect(sha256Hex(result.bytes)).toBe(result.sha256);
}

describe('LuCI C, of 21.02 to 23.05', () => {
  test('offers and installs an upgrade, from an address with a slash at its end', async () => {
    const luci = new Luci(`${used.farm.url}/`, { ...ARCHER, version: '23.05.6' }, 'C');
    expect(await luci.check()).toBe('25.12.0');
    expectImage(await luci.request('24.10.4'), /sysupgrade\.bin$/);
    expect(luci.http.sent.every((each) => /\?\d+$/.test(each))).toBe(true);
    expect(luci.http.sent.some((each) => each.startsWith(`POST ${used.farm.url}//api/v1/build?`))).toBe(true);
  });

  test('asks for the revision of a snapshot', async () => {
    const luci = new Luci(used.farm.url, { ...ARCHER, version: 'SNAPSHOT' }, 'C');
    expect(await luci.check()).toBe('SNAPSHOT');
  });
});

describe('LuCI D, of the last 23.05 and the first 24.10', () => {
  test('offers and installs an upgrade, with renamed packages', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'auc', 'luci-app-opkg', 'opkg'] };
    const luci = new Luci(used.farm.url, device, 'D');
    expect(await luci.check()).toBe('25.12.0');
    expectImage(await luci.request('25.12.0'), /^openwrt-25\.12\.0-.*sysupgrade\.bin$/);
    const preflights = luci.http.sent.filter((each) => each.startsWith('OPTIONS '));
    const polls = luci.http.sent.filter((each) => /^GET .*\/api\/v1\/build\//.test(each));
    expect(preflights.length).toBe(polls.length + 2);
  });

  test('shows the text of a refusal, not [object Object]', async () => {
    const luci = new Luci(used.farm.url, { ...ARCHER, packages: ['no-such-package'] }, 'D');
    await expect(luci.request('24.10.4')).rejects.toThrow(
      'Server response: Unknown package(s): no-such-package',
    );
  });
});

describe('LuCI E, of 24.10.2 and later', () => {
  const ONE: Device = { ...ARCHER, version: '25.12.0', target: 'mediatek/filogic', boardName: 'openwrt,one' };

  test('has the running release rebuilt, with its root filesystem size as a text', async () => {
    const luci = new Luci(`${used.farm.url}///`, ONE, 'E', { rootfsSizeMb: '256' });
    expect(await luci.check()).toBeUndefined();
    const result = await luci.request('25.12.0');
    expectImage(result, /openwrt_one-squashfs-sysupgrade\.itb$/);
    expect(result.shown).toContain('building_image');
  });

  test('on a PC started by UEFI that has no board name, so no profile, gets its image', async () => {
    const { boardName: _none, ...rest } = ONE;
    const pc = { ...rest, target: 'x86/64', filesystem: 'ext4', efi: true };
    expectImage(await new Luci(used.farm.url, pc, 'E').request('25.12.0'), /ext4-combined-efi\.img\.gz$/);
  });

  test('shows what the ImageBuilder said', async () => {
    const luci = new Luci(used.farm.url, { ...ONE, packages: [...ONE.packages, 'dangling'] }, 'E');
    await expect(luci.request('25.12.0')).rejects.toThrow(
      /^Server response: Error: Impossible package selection: missing \(.*no-such-library.*\)\n/,
    );
  });
});

describe('the Firmware Selector', () => {
  const form = {
    profile: 'tplink_archer-c7-v5',
    target: 'ath79/generic',
    version: '24.10.4',
    versionCode: 'r28959-29397011cc',
    packages: ' base-files, luci\n-ppp  vim ',
  };

  test('shows a build and its links, which a click downloads', async () => {
    const selector = new FirmwareSelector(used.farm.url);
    const page = await selector.build(form);
    expect(page.title).toBe('TP-Link Archer C7 v5');
    expect(page.buildAt.toISOString()).toBe('2025-10-19T18:23:36.000Z');
    expect(page.links.map(({ type }) => type).sort()).toEqual(['factory', 'sysupgrade']);
    for (const { url, sha256 } of page.links) {
      const file = await selector.download(url);
      expect(file.status).toBe(200);
      expect(file.header('content-disposition')).toContain(url.split('/').at(-1));
      expect(sha256Hex(file.bytes)).toBe(sha256);
    }
  });

  test('shows texts it knows while it waits', async () => {
    const page = await new FirmwareSelector(used.farm.url).build({ ...form, packages: 'nano' });
    for (const text of page.shown) {
      expect(text).toMatch(
        /^tr-(queued|init|container-setup|validate-revision|validate-manifest|building-image)( \(\d+\))?$/,
      );
    }
    expect(page.shown.length).toBeGreaterThan(0);
  });

  test.each([
    ['a package that nobody knows', { packages: 'no-such-package' }, 'Unknown package(s): no-such-package'],
    ['a revision that is gone', { versionCode: 'r1-abc' }, /^Received incorrect version r28959/],
    ['a version that is gone', { version: '24.10.99' }, 'Unsupported version: 24.10.99'],
    ['a script where none is taken', { defaults: 'reboot' }, 'Handling `defaults` not enabled on server'],
    ['an image that does not fit', { packages: 'knob-too-big' }, 'Selected packages exceed device storage'],
  ])('shows a text for %s', async (_what, change, message) => {
    await expect(new FirmwareSelector(used.farm.url).build({ ...form, ...change })).rejects.toThrow(message);
  });
});

describe('the first clients', () => {
  test.each([
    ['February 2020', true],
    ['March 2020', false],
  ])('the web page of %s builds a snapshot', async (_when, readsUrl) => {
    const page = new Yafs(used.farm.url, { readsUrl });
    const result = await page.build('SNAPSHOT', 'TP-Link Archer C7 v5', ['luci', 'vim']);
    expectImage(result, /archer-c7-v5-squashfs-sysupgrade\.bin$/);
  });

  test('the web page shows `message`, and links the log', async () => {
    const page = new Yafs(used.farm.url, { readsUrl: false });
    await expect(page.build('SNAPSHOT', 'TP-Link Archer C7 v5', ['dangling'])).rejects.toThrow(
      /^Error: Impossible package selection: .* see \/store\/\S+\/buildlog\.txt$/,
    );
    await expect(page.build('SNAPSHOT', 'TP-Link Archer C7 v5', ['no-such'])).rejects.toThrow(
      'Unknown package(s): no-such',
    );
  });

  test('LuCI of March 2020 finds and installs the newest snapshot', async () => {
    const luci = new LuciOf2020(used.farm.url, { ...ARCHER, version: 'SNAPSHOT' });
    expect(await luci.check()).toBe('snapshot');
    expectImage(await luci.request('snapshot'), /archer-c7-v5-squashfs-sysupgrade\.bin$/);
  });

  test('LuCI of 21.02.0 installs a release', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'iperf3'] };
    const luci = new LuciOf2021(`${used.farm.url}/`, device);
    expect(await luci.check()).toContain('24.10.4');
    const result = await luci.request('24.10.4');
    expectImage(result, /^openwrt-24\.10\.4-.*sysupgrade\.bin$/);
    expect(result.shown.length).toBeGreaterThan(0);
    for (const text of result.shown) expect(text).toMatch(/^(queued \d+|started)/);
  });
});
