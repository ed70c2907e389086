import { describe, expect, test } from 'vitest';
import { parseProfiles, resolveProfile } from './profiles.ts';

function profilesOf(profiles: Record<string, unknown>) {
  return parseProfiles(
    Buffer.from(
      JSON.stringify({
        arch_packages: 'mips_24kc',
        target: 'ath79/generic',
        version_code: 'r1-abc',
        version_number: '24.10.4',
        profiles,
      }),
    ),
  );
}

const device = (...supported_devices: string[]) => ({ images: [], titles: [], supported_devices });

describe('profiles', () => {
  test('are found by id, by board name with a comma, and by any supported device', () => {
    const profiles = profilesOf({
      'tplink_archer-c7-v5': device('tplink,archer-c7-v5', 'archer-c7-v5'),
      other: device(),
    });
    for (const name of ['tplink_archer-c7-v5', 'tplink,archer-c7-v5', 'archer-c7-v5']) {
      expect(resolveProfile(profiles, name)).toBe('tplink_archer-c7-v5');
    }
    expect(resolveProfile(profiles, 'tplink_archer-c7')).toBeUndefined();
    expect(resolveProfile(profiles, null)).toBeUndefined();
  });

  test('a device keeps its own profile where another supports it too', () => {
    const profiles = profilesOf({ e8450: device('e8450'), 'e8450-ubi': device('e8450', 'e8450-ubi') });
    expect(resolveProfile(profiles, 'e8450')).toBe('e8450');
  });

  test('a target with only `generic` takes any name and none', () => {
    const profiles = profilesOf({ generic: device() });
    for (const name of ['innotek_gmbh-virtualbox', '', null])
      expect(resolveProfile(profiles, name)).toBe('generic');
    expect(resolveProfile(profilesOf({ generic: device(), other: device() }), 'x')).toBeUndefined();
  });

  test('ids that could not be a file name are not offered', () => {
    expect(resolveProfile(profilesOf({ '../etc': device('evil'), a: device() }), 'evil')).toBeUndefined();
  });

  test('names of object properties are no profiles', () => {
    const profiles = profilesOf({ a: device(), b: device() });
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(resolveProfile(profiles, name)).toBeUndefined();
  });
});
