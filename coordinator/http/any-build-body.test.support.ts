import fc from 'fast-check';
import { FILESYSTEMS } from '../../shared/domain/build-spec.ts';

/** Bodies for a build: texts that are no JSON, JSON of any kind, and requests with some of their fields right. */
export function anyBuildBody(): fc.Arbitrary<string> {
  const odd = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom<unknown>(null, '', 0, 1, true, [], {}, '24.10.4', 'x'.repeat(300)),
    },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  );
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('vim', 'tmux', 'luci', 'busybox', '-ppp', '') },
    fc.constantFrom(
      'vim',
      'luci',
      '-ppp',
      '',
      'tmxu',
      'auc',
      'luci-i18n-opkg-de',
      '__proto__',
      'constructor',
    ),
    fc.stringMatching(/^[a-z0-9+_.-]{0,12}$/),
  );
  const oddly = (right: fc.Arbitrary<unknown>, weight = 60): fc.Arbitrary<unknown> =>
    fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: odd });
  const pairs = fc.array(fc.tuple(name, fc.constantFrom('1.0', '1~a-r1', 'a:b')), { maxLength: 4 });
  const request = fc.record(
    {
      distro: oddly(fc.constantFrom('openwrt', 'immortalwrt', 'lede')),
      version: oddly(fc.constantFrom('24.10.4', '25.12.0', '24.10.99', 'SNAPSHOT', '24.10-SNAPSHOT'), 30),
      version_code: oddly(fc.constantFrom('', 'r28959-29397011cc', 'r1-x')),
      target: oddly(fc.constantFrom('ath79/generic', 'x86/64', 'x86/generic', '__proto__/x'), 30),
      profile: oddly(fc.constantFrom('tplink,archer-c7-v5', '8dev_carambola2', 'generic', 'constructor'), 30),
      packages: oddly(fc.array(name, { maxLength: 6 })),
      packages_versions: oddly(pairs.map((entries) => Object.fromEntries(entries))),
      diff_packages: oddly(fc.boolean()),
      defaults: oddly(fc.constantFrom(null, '', 'uci set x')),
      rootfs_size_mb: oddly(fc.constantFrom(null, 1, 1024, 1025, '256', 2.5)),
      filesystem: oddly(fc.constantFrom(null, '', 'initramfs', ...FILESYSTEMS)),
      repositories: oddly(
        fc.constantFrom({}, { a: 'https://ok.example/feed' }, { a: 'https://bad.example/' }),
      ),
      repositories_mode: oddly(fc.constantFrom('append', 'replace')),
      repository_keys: oddly(fc.array(fc.string({ maxLength: 5 }), { maxLength: 2 })),
      client: oddly(fc.constantFrom(null, 'luci/1')),
      unknown: odd,
    },
    { requiredKeys: [] },
  );
  const device = fc.constantFrom(
    { version: '24.10.4', target: 'ath79/generic', profile: 'tplink,archer-c7-v5' },
    { version: '24.10.4', target: 'x86/64', profile: 'innotek_virtualbox' },
    { version: '25.12.0', target: 'x86/64', profile: 'generic' },
  );
  const whole = fc.tuple(request, device).map(([fields, right]) => ({ ...fields, ...right }));
  return fc.oneof(
    { weight: 4, arbitrary: request.map((value) => JSON.stringify(value)) },
    { weight: 4, arbitrary: whole.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  );
}
