import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, encodeBuildSpec, FILESYSTEMS, laneOf, requestHash } from './build-spec.ts';
import { plainSpec } from './plain-spec.test.support.ts';

/** Values that are easily confused: few letters, digits, and the encoding's own marks. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', ':', ',', ' ', 'é'), maxLength: 4 });
const texts = fc.uniqueArray(text, { maxLength: 3 });
const map = fc.dictionary(text, text, { maxKeys: 3 });

const spec: fc.Arbitrary<BuildSpec> = fc.record({
  distro: text,
  version: text,
  versionCode: text,
  target: text,
  profile: text,
  packages: texts,
  packagesVersions: map,
  diffPackages: fc.boolean(),
  defaults: fc.option(text),
  rootfsSizeMb: fc.option(fc.integer({ min: 1, max: 12 })),
  filesystem: fc.option(fc.constantFrom(...FILESYSTEMS)),
  repositories: map,
  repositoriesMode: fc.constantFrom('append', 'replace'),
  repositoryKeys: texts,
});

/** A spec as what it means: order of packages, keys and map entries apart. */
function meaning({ packages, packagesVersions, repositories, repositoryKeys, ...rest }: BuildSpec): unknown {
  const sorted = (entries: Record<string, string>) =>
    Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...rest,
    packages: [...packages].sort(),
    packagesVersions: sorted(packagesVersions),
    repositories: sorted(repositories),
    repositoryKeys: [...repositoryKeys].sort(),
  };
}

/** The spec with one field taken from another: what differs in little is what could collide. */
const pair = fc.tuple(spec, spec, fc.constantFrom(...KEYS())).map(([one, other, key]) => ({
  one,
  other: { ...one, [key]: other[key] } as BuildSpec,
}));

function KEYS(): readonly (keyof BuildSpec)[] {
  return [
    'packages',
    'packagesVersions',
    'defaults',
    'rootfsSizeMb',
    'filesystem',
    'repositories',
    'repositoryKeys',
    'profile',
  ];
}

describe('the encoding of a build', () => {
  test('differs exactly when the build differs', () => {
    fc.assert(
      fc.property(fc.oneof(pair, fc.record({ one: spec, other: spec })), ({ one, other }) => {
        const isSame = JSON.stringify(meaning(one)) === JSON.stringify(meaning(other));
        expect(encodeBuildSpec(one) === encodeBuildSpec(other)).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });

  test('does not know the order of packages, keys and repositories', () => {
    fc.assert(
      fc.property(spec, (one) => {
        const reversed = (entries: Record<string, string>) =>
          Object.fromEntries(Object.entries(entries).reverse());
        const other = {
          ...one,
          packages: [...one.packages].reverse(),
          packagesVersions: reversed(one.packagesVersions),
          repositories: reversed(one.repositories),
          repositoryKeys: [...one.repositoryKeys].reverse(),
        };
        expect(requestHash(other)).toBe(requestHash(one));
      }),
    );
  });

  test('a script, a repository or a key is for trusted agents', () => {
    const plain = plainSpec();
    expect(laneOf(plain)).toBe('open');
    expect(laneOf({ ...plain, defaults: 'x' })).toBe('trusted');
    expect(laneOf({ ...plain, repositories: { a: 'https://x' } })).toBe('trusted');
    expect(laneOf({ ...plain, repositoryKeys: ['k'] })).toBe('trusted');
  });
});
