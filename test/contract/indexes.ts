import { describe, expect, test } from 'vitest';
import { used } from './farm-without-agent.ts';

/* Contract 2.9: package indexes and profiles, from the forms that upstream has had over the years. */

const { wire } = used;

type Versions = Readonly<Record<string, string>>;

async function targetIndex(path: string): Promise<{ architecture: string; packages: Versions }> {
  return JSON.parse((await wire.get(`/json/v1/${path}/index.json`)).text);
}

async function architectureIndex(path: string): Promise<Versions> {
  return JSON.parse((await wire.get(`/json/v1/${path}-index.json`)).text);
}

const VERSIONS = [
  { form: 'Packages of opkg, beside an index.json with ABI names', path: 'releases/23.05.6' },
  { form: 'index.json of opkg', path: 'releases/24.10.4' },
  { form: 'index.json of apk', path: 'releases/25.12.0' },
  { form: 'index.json of a snapshot', path: 'snapshots' },
];

describe.each(VERSIONS)('from $form', ({ path }) => {
  test("auc compares `architecture` of a target's index with that of the branch", async () => {
    expect((await targetIndex(`${path}/targets/x86/64`)).architecture).toBe('x86_64');
    expect((await targetIndex(`${path}/targets/ath79/generic`)).architecture).toBe('mips_24kc');
  });

  test("a target's index has its own packages and its kernel modules, and nothing of the feeds", async () => {
    const { packages } = await targetIndex(`${path}/targets/ath79/generic`);
    expect(Object.keys(packages)).toEqual(expect.arrayContaining(['base-files', 'kernel', 'kmod-ath9k']));
    expect(Object.keys(packages)).not.toContain('vim');
    expect(Object.keys(packages)).not.toContain('kmod-igb');
  });

  test('auc reads nothing but texts, and names are free of ABI suffixes', async () => {
    const [target, architecture] = [
      (await targetIndex(`${path}/targets/x86/64`)).packages,
      await architectureIndex(`${path}/packages/x86_64`),
    ];
    for (const version of [...Object.values(target), ...Object.values(architecture)]) {
      expect(version).toMatch(/^[\w+.,~-]+$/);
    }
    expect(target).toHaveProperty('libgcc');
    expect(architecture).toHaveProperty('libncurses');
    expect(architecture).not.toHaveProperty('libncurses6');
    expect(architecture).toHaveProperty('libevent2-core');
  });

  test("an architecture's index is flat, over all feeds of feeds.conf", async () => {
    const packages = await architectureIndex(`${path}/packages/mips_24kc`);
    expect(Object.keys(packages)).toEqual(expect.arrayContaining(['busybox', 'luci', 'vim']));
    expect(Object.keys(packages)).not.toContain('base-files');
  });
});

describe('a profile', () => {
  const folder = '/json/v1/releases/24.10.4/targets/ath79/generic';

  test.each<[client: string, key: string, value: unknown]>([
    ['auc takes no other', 'metadata_version', 1],
    ['auc compares', 'arch_packages', 'mips_24kc'],
    ['auc compares', 'target', 'ath79/generic'],
    ['auc sends back', 'version_code', 'r28959-29397011cc'],
    ['auc shows', 'version_number', '24.10.4'],
    ['auc fails without', 'images', expect.any(Array)],
    ['asu has', 'id', 'tplink_archer-c7-v5'],
    ['asu has', 'build_at', '2025-10-19T18:23:36.000000Z'],
    ['profiles.json has', 'default_packages', expect.arrayContaining(['base-files'])],
    ['profiles.json has', 'device_packages', ['kmod-ath10k-ct', 'kmod-usb2']],
    ['profiles.json has', 'titles', [{ vendor: 'TP-Link', model: 'Archer C7', variant: 'v5' }]],
    ['profiles.json has', 'linux_kernel', expect.objectContaining({ version: '6.6.110' })],
    ['profiles.json has', 'source_date_epoch', 1_760_898_216],
  ])('%s `%s`', async (_client, key, value) => {
    const profile = (await wire.get(`${folder}/tplink_archer-c7-v5.json`)).json;
    expect(profile[key]).toEqual(value);
    expect(profile).not.toHaveProperty('profiles');
  });

  test.each([
    ['by a name that only its supported_devices know, which asu does not', 'gl-ar150', 'glinet_gl-ar150'],
    ['by its board name, comma and all', 'glinet,gl-ar150', 'glinet_gl-ar150'],
  ])('%s', async (_what, name, id) => {
    expect((await wire.get(`${folder}/${name}.json`)).json.id).toBe(id);
  });

  test('auc on x86 asks for generic, whatever the board', async () => {
    const path = '/json/v1/releases/24.10.4/targets/x86/64';
    for (const name of ['generic', 'pcengines,apu2']) {
      expect((await wire.get(`${path}/${name}.json`)).json.id).toBe('generic');
    }
  });
});
