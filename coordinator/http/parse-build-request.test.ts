import { describe, expect, test } from 'vitest';
import { MAX_PACKAGES } from '../../shared/domain/build-spec.ts';
import { parseBuildRequest } from './parse-build-request.ts';
import { problemsOf } from './problems-of.test.support.ts';

const GOOD = { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };

const parse = (changes: object) => parseBuildRequest({ ...GOOD, ...changes });
const problems = (changes: object) => problemsOf(() => parse(changes));

describe('a build request', () => {
  test('takes the defaults of the model', () => {
    expect(parseBuildRequest(GOOD)).toEqual({
      distro: 'openwrt',
      version: '24.10.4',
      versionCode: '',
      target: 'ath79/generic',
      profile: 'tplink_archer-c7-v5',
      packages: [],
      packagesVersions: {},
      diffPackages: false,
      defaults: null,
      rootfsSizeMb: null,
      filesystem: null,
      repositories: {},
      repositoriesMode: 'replace',
      repositoryKeys: [],
      client: null,
    });
  });

  test.each<[object, object]>([
    [{ rootfs_size_mb: '256' }, { rootfsSizeMb: 256 }],
    [{ rootfs_size_mb: ' 256 ' }, { rootfsSizeMb: 256 }],
    [{ rootfs_size_mb: 256.0 }, { rootfsSizeMb: 256 }],
    [{ rootfs_size_mb: '256.0' }, { rootfsSizeMb: 256 }],
    [{ rootfs_size_mb: null }, { rootfsSizeMb: null }],
    [{ filesystem: 'ext4' }, { filesystem: 'ext4' }],
    [{ filesystem: null }, { filesystem: null }],
    [{ filesystem: 'initramfs' }, { filesystem: null }],
    [{ filesystem: 'f2fs' }, { filesystem: null }],
    [{ filesystem: 'tmpfs' }, { filesystem: null }],
    [{ filesystem: '' }, { filesystem: null }],
    [{ profile: 'openwrt,one' }, { profile: 'openwrt_one' }],
    [{ profile: null }, { profile: null }],
    [{ profile: '' }, { profile: '' }],
    [{ diff_packages: 'yes' }, { diffPackages: true }],
    [{ diff_packages: 'Off' }, { diffPackages: false }],
    [{ diff_packages: 1 }, { diffPackages: true }],
    [{ defaults: '' }, { defaults: '' }],
    [{ packages: ['vim', '', '-ppp', 'kmod-usb2'] }, { packages: ['vim', '-ppp', 'kmod-usb2'] }],
    [
      { packages_versions: { vim: '6.6.110.2025.02.14~e5fef138-r1' } },
      { packagesVersions: { vim: '6.6.110.2025.02.14~e5fef138-r1' } },
    ],
    [{ packages_versions: { k: '5.15.150+6.1.24-3' } }, { packagesVersions: { k: '5.15.150+6.1.24-3' } }],
    [
      { repositories: { constructor: 'https://x.example/a' } },
      { repositories: { constructor: 'https://x.example/a' } },
    ],
    [{ unknown_key: { deep: [1] } }, {}],
  ])('%j is understood', (changes, expected) => {
    expect(parse(changes)).toMatchObject(expected);
  });

  test.each<[object, string, readonly (string | number)[], string]>([
    [{ version: 5 }, 'string_type', ['body', 'version'], 'Input should be a valid string'],
    [{ version_code: null }, 'string_type', ['body', 'version_code'], 'Input should be a valid string'],
    [{ packages: 'vim' }, 'list_type', ['body', 'packages'], 'Input should be a valid list'],
    [{ packages: null }, 'list_type', ['body', 'packages'], 'Input should be a valid list'],
    [
      { packages_versions: [] },
      'dict_type',
      ['body', 'packages_versions'],
      'Input should be a valid dictionary',
    ],
    [{ diff_packages: null }, 'bool_type', ['body', 'diff_packages'], 'Input should be a valid boolean'],
    [
      { diff_packages: 'maybe' },
      'bool_parsing',
      ['body', 'diff_packages'],
      'Input should be a valid boolean, unable to interpret input',
    ],
    [
      { packages: ['+vim'] },
      'string_pattern_mismatch',
      ['body', 'packages', 0],
      "String should match pattern '^[\\w.,-]*$'",
    ],
    [
      { target: 'ath79-generic' },
      'string_pattern_mismatch',
      ['body', 'target'],
      "String should match pattern '^[\\w]*/[\\w]*$'",
    ],
    [
      { version: '24.10.4\n' },
      'string_pattern_mismatch',
      ['body', 'version'],
      "String should match pattern '^[\\w.,-]*$'",
    ],
    [
      { repositories: { 'a b': 'https://x.example/' } },
      'string_pattern_mismatch',
      ['body', 'repositories', 'a b', '[key]'],
      "String should match pattern '^[\\w.-]+$'",
    ],
    [
      { repositories: { a: 'ftp://x.example/' } },
      'string_pattern_mismatch',
      ['body', 'repositories', 'a'],
      "String should match pattern '^https?://\\S+$'",
    ],
    [
      { packages_versions: { vim: '1:2' } },
      'string_pattern_mismatch',
      ['body', 'packages_versions', 'vim'],
      "String should match pattern '^[\\w+.,~-]*$'",
    ],
    [
      { rootfs_size_mb: 0 },
      'greater_than_equal',
      ['body', 'rootfs_size_mb'],
      'Input should be greater than or equal to 1',
    ],
    [
      { rootfs_size_mb: 1e30 },
      'less_than_equal',
      ['body', 'rootfs_size_mb'],
      'Input should be less than or equal to 1024',
    ],
    [
      { rootfs_size_mb: 1.5 },
      'int_from_float',
      ['body', 'rootfs_size_mb'],
      'Input should be a valid integer, got a number with a fractional part',
    ],
    [
      { rootfs_size_mb: 'big' },
      'int_parsing',
      ['body', 'rootfs_size_mb'],
      'Input should be a valid integer, unable to parse string as an integer',
    ],
    [{ rootfs_size_mb: [] }, 'int_type', ['body', 'rootfs_size_mb'], 'Input should be a valid integer'],
    [
      { rootfs_size_mb: Number.POSITIVE_INFINITY },
      'finite_number',
      ['body', 'rootfs_size_mb'],
      'Input should be a finite number',
    ],
    [
      { filesystem: 'ntfs' },
      'literal_error',
      ['body', 'filesystem'],
      "Input should be 'squashfs', 'ext4', 'ubifs', 'erofs', 'jffs2', 'jffs2-nand', 'targz' or 'cpiogz'",
    ],
    [
      { repositories_mode: null },
      'literal_error',
      ['body', 'repositories_mode'],
      "Input should be 'append' or 'replace'",
    ],
    [
      { defaults: 'a\ud800' },
      'string_unicode',
      ['body', 'defaults'],
      'Input should be a valid string, unable to parse raw data as a unicode string',
    ],
  ])('%j is refused in asu’s words', (changes, type, loc, msg) => {
    expect(problems(changes)).toMatchObject([{ type, loc, msg }]);
  });

  test.each<[object, string]>([
    [{ packages: ['vím'] }, 'packages'],
    [{ packages: ['a,b'] }, 'packages'],
    [{ packages: ['--vim'] }, 'packages'],
    [{ packages: ['__proto__'] }, 'packages'],
    [{ version_code: 'ř1' }, 'version_code'],
    [{ packages_versions: JSON.parse('{"__proto__":"1"}') }, 'packages_versions'],
    [{ packages_versions: { vim: '' } }, 'packages_versions'],
    [{ repositories: JSON.parse('{"__proto__":"https://x.example/"}') }, 'repositories'],
  ])('%j passes asu’s patterns but not ours', (changes, field) => {
    expect(problems(changes)).toMatchObject([
      { type: 'string_pattern_mismatch', loc: expect.arrayContaining(['body', field]) },
    ]);
  });

  test('a first-boot script is measured in characters', () => {
    const defaults = '😀'.repeat(20_480);
    expect(parse({ defaults }).defaults).toBe(defaults);
    expect(problems({ defaults: `${defaults}x` })).toMatchObject([
      {
        type: 'string_too_long',
        loc: ['body', 'defaults'],
        msg: 'String should have at most 20480 characters',
        ctx: { max_length: 20_480 },
      },
    ]);
  });

  test('a long client name is cut', () => {
    expect(parse({ client: 'x'.repeat(500) }).client).toBe('x'.repeat(128));
  });

  test('packages are limited in number and in bytes', () => {
    expect(problems({ packages: Array.from({ length: MAX_PACKAGES + 1 }, () => 'a') })).toMatchObject([
      {
        type: 'too_long',
        loc: ['body', 'packages'],
        msg: `List should have at most ${MAX_PACKAGES} items after validation, not ${MAX_PACKAGES + 1}`,
      },
    ]);
    const names = Array.from({ length: 600 }, (_, at) => `${at}`.padEnd(120, 'x'));
    expect(problems({ packages: names })).toMatchObject([
      { type: 'too_long', loc: ['body', 'packages'], ctx: { actual_length: 72_599 } },
    ]);
    const versions = Object.fromEntries(names.map((name) => [name, '1']));
    expect(problems({ packages_versions: versions })).toMatchObject([
      { type: 'too_long', loc: ['body', 'packages_versions'] },
    ]);
  });

  test('what is only looked up may be of any alphabet', () => {
    expect(parse({ profile: 'vím', distro: 'Lede' })).toMatchObject({ profile: 'vím', distro: 'Lede' });
  });

  test('all failing fields are told in model order', () => {
    const body = { client: 5, filesystem: 'ntfs', packages: {}, version_code: 1, distro: 1 };
    expect(problemsOf(() => parseBuildRequest(body)).map((problem) => problem.loc.join('.'))).toEqual([
      'body.distro',
      'body.version',
      'body.version_code',
      'body.target',
      'body.packages',
      'body.filesystem',
      'body.client',
    ]);
  });

  test('a missing key echoes the body, without the first-boot script', () => {
    const [problem] = problemsOf(() => parseBuildRequest({ target: 'x/y', defaults: 'psk=secret' }));
    expect(problem).toEqual({
      type: 'missing',
      loc: ['body', 'version'],
      msg: 'Field required',
      input: { target: 'x/y', defaults: '[hidden]' },
    });
  });

  test('nothing long comes back', () => {
    const long = '/'.repeat(1_000_000);
    const many = Array.from({ length: MAX_PACKAGES }, () => long.slice(0, 300));
    const told = problems({
      version: long,
      packages: many,
      repositories: { [long]: long },
      defaults: long,
      client: { [long]: [long] },
    });
    expect(told.length).toBeLessThanOrEqual(100);
    for (const problem of told) expect(JSON.stringify(problem).length).toBeLessThan(1_000);
  });

  test.each([[[]], ['text'], [5], [true]])('%j is not an object', (body) => {
    expect(problemsOf(() => parseBuildRequest(body))).toMatchObject([
      {
        type: 'model_attributes_type',
        loc: ['body'],
        msg: 'Input should be a valid dictionary or object to extract fields from',
        input: body,
      },
    ]);
  });
});
