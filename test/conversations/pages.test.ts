import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { BuildClient } from '../support/client.ts';
import type { Device, UpgradeResult } from '../support/clients/device.ts';
import { FirmwareSelector } from '../support/clients/firmware-selector.ts';
import { LuciOf2020, Yafs } from '../support/clients/first-clients.ts';
import { LUCI_B, LUCI_C_OF_2021, LUCI_C_OF_2023, LUCI_D, LUCI_E, Luci } from '../support/clients/luci.ts';
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

describe.each([
  ['of 21.02 and 22.03', LUCI_C_OF_2021, ['iperf3']],
  ['of 23.05', LUCI_C_OF_2023, ['lsof']],
])('LuCI C, %s', (_when, age, packages) => {
  const device = { ...ARCHER, version: '23.05.6', packages: [...ARCHER.packages, ...packages] };

  test('offers and installs a newer version of its branch, from an address with a slash at its end', async () => {
    const luci = new Luci(`${used.farm.url}/`, { ...device, version: '24.10.3' }, age);
    expect(await luci.check()).toEqual(['24.10.4']);
    const result = await luci.request('24.10.4');
    expectImage(result, /sysupgrade\.bin$/);
    expect(result.shown.length).toBeGreaterThan(0);
    expect(luci.http.sent.every((each) => /\?\d+$/.test(each))).toBe(true);
    expect(luci.http.sent.some((each) => each.startsWith(`POST ${used.farm.url}//api/v1/build?`))).toBe(true);
  });

  test('offers other branches in its advanced mode only', async () => {
    expect(await new Luci(used.farm.url, device, age).check()).toEqual([]);
    const advanced = new Luci(used.farm.url, device, age, { advancedMode: true });
    expect(await advanced.check()).toEqual(['23.05.6', '24.10.4', '25.12.0']);
  });

  test('compares revisions of snapshots', async () => {
    const running = (revision: string) =>
      new Luci(used.farm.url, { ...device, version: 'SNAPSHOT', revision }, age);
    expect(await running('r34000-0123456789').check()).toEqual(['SNAPSHOT']);
    expect(await running('r34876-4d2c7e9b10').check()).toEqual([]);
  });
});

describe('LuCI D, of the last 23.05 and the first 24.10', () => {
  test('offers and installs an upgrade, with renamed packages', async () => {
    const device = { ...ARCHER, packages: [...ARCHER.packages, 'auc', 'luci-app-opkg', 'opkg'] };
    const luci = new Luci(used.farm.url, device, LUCI_D);
    expect(await luci.check()).toEqual(['25.12.0']);
    expectImage(await luci.request('25.12.0'), /^openwrt-25\.12\.0-.*sysupgrade\.bin$/);
    const preflights = luci.http.sent.filter((each) => each.startsWith('OPTIONS '));
    const polls = luci.http.sent.filter((each) => /^GET .*\/api\/v1\/build\//.test(each));
    expect(preflights.length).toBe(polls.length + 2);
  });

  test('shows the text of a refusal, not [object Object]', async () => {
    const luci = new Luci(used.farm.url, { ...ARCHER, packages: ['no-such-package'] }, LUCI_D);
    await expect(luci.request('24.10.4')).rejects.toThrow(
      'Server response: Unknown package(s): no-such-package',
    );
  });
});

describe('LuCI E, of 24.10.2 and later', () => {
  const ONE: Device = { ...ARCHER, version: '25.12.0', target: 'mediatek/filogic', boardName: 'openwrt,one' };

  test('has the running release rebuilt, with its root filesystem size as a text', async () => {
    const luci = new Luci(`${used.farm.url}///`, ONE, LUCI_E, { rootfsSizeMb: '256' });
    expect(await luci.check()).toEqual([]);
    const result = await luci.request('25.12.0');
    expectImage(result, /openwrt_one-squashfs-sysupgrade\.itb$/);
    expect(result.shown).toContain('building_image');
  });

  test('on a PC started by UEFI that has no board name, so no profile, gets its image', async () => {
    const { boardName: _none, ...rest } = ONE;
    const pc = { ...rest, target: 'x86/64', filesystem: 'ext4', efi: true };
    expectImage(await new Luci(used.farm.url, pc, LUCI_E).request('25.12.0'), /ext4-combined-efi\.img\.gz$/);
  });

  test('shows what the ImageBuilder said', async () => {
    const luci = new Luci(used.farm.url, { ...ONE, packages: [...ONE.packages, 'dangling'] }, LUCI_E);
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

  test('asks for none where the field for packages is empty', async () => {
    const selector = new FirmwareSelector(used.farm.url);
    const page = await selector.build({ ...form, packages: ' \n' });
    expect(page.links.length).toBe(2);
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
});

describe('LuCI B, of 21.02.0', () => {
  const device = { ...ARCHER, version: '24.10.3', packages: [...ARCHER.packages, 'htop'] };

  test('offers and installs a newer version of its branch', async () => {
    const luci = new Luci(`${used.farm.url}/`, device, LUCI_B);
    expect(await luci.check()).toEqual(['24.10.4']);
    const result = await luci.request('24.10.4');
    expectImage(result, /^openwrt-24\.10\.4-.*sysupgrade\.bin$/);
    expect(result.shown.length).toBeGreaterThan(0);
    for (const text of result.shown) {
      expect(text).toMatch(/^(queue position \d+|Building firmware sysupgrade image)$/);
    }
  });

  test('shows why there is no image', async () => {
    const broken = { ...device, packages: ['dangling'] };
    await expect(new Luci(used.farm.url, broken, LUCI_B).request('24.10.4')).rejects.toThrow(
      /^Error: Impossible package selection: missing \(no-such-library\)/,
    );
  });
});

describe('LuCI E that compares with rebuilders', () => {
  const other = useFarm(async () => {
    const { url, publicKeyPath } = used.farm.upstream;
    return { coordinator: { upstream: url }, agent: { upstream: url, upstreamKey: [publicKeyPath] } };
  });

  test('posts the same until it is built there too, and shows whether it is the same', async () => {
    const device = { ...ARCHER, version: '25.12.0', packages: [...ARCHER.packages, 'nano'] };
    const options = { rebuilders: [other.farm.url, `${other.farm.url}/`] };
    const luci = new Luci(used.farm.url, device, LUCI_E, options);
    const result = await luci.request('25.12.0');
    expect(result.rebuilds).toEqual(['same', 'same']);
    const sent = luci.http.sent.filter((each) => each.includes(` ${other.farm.url}`));
    const posts = sent.filter((each) => each.startsWith('POST '));
    expect(posts.length).toBeGreaterThan(2);
    expect(sent.filter((each) => each.startsWith('GET '))).toEqual([]);
    expect(await new BuildClient(() => other.farm.url).metric('wrtfarm_attempts_started_total')).toBe(1);
  });

  test('shows one that refuses', async () => {
    const request = new Luci(used.farm.url, { ...ARCHER, version: '25.12.0' }, LUCI_E, {
      rebuilders: [`${other.farm.url}/nowhere`],
    }).request('25.12.0');
    expect((await request).rebuilds).toEqual(['refused']);
  });
});
