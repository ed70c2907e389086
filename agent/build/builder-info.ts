import { type Static, Type } from 'typebox';
import { FarmError } from '../../shared/errors.ts';

/** What `make info` tells of one profile. */
const BuilderProfileSchema = Type.Object({
  /** For people; empty where the target gives none. */
  title: Type.String(),
  /** Device packages; with a leading `-` those taken away from the default ones. */
  packages: Type.Array(Type.String()),
  supportedDevices: Type.Array(Type.String()),
});

/** What `make info` tells of an ImageBuilder. */
export const BuilderInfoSchema = Type.Object({
  /** `r33051-f5dae5ece4`. */
  revision: Type.String({ minLength: 1 }),
  /** `ath79/generic`. */
  target: Type.String({ minLength: 1 }),
  defaultPackages: Type.Array(Type.String()),
  /** By profile id. */
  profiles: Type.Record(Type.String(), BuilderProfileSchema),
});
export type BuilderInfo = Static<typeof BuilderInfoSchema>;
export type BuilderProfile = Static<typeof BuilderProfileSchema>;

/**
 * Reads what `make info` prints; the same form from 23.05 to main (openwrt, target/imagebuilder/files/Makefile).
 * @throws FarmError `infrastructure` when revision, target or profiles are missing.
 */
export function parseBuilderInfo(text: string): BuilderInfo {
  const [head = '', ...tail] = text.split(/^Available Profiles:$/m);
  const revision = /^Current Revision: "(.*)"$/m.exec(head)?.[1];
  const target = /^Current Target: "(.*)"$/m.exec(head)?.[1];
  const defaults = /^Default Packages:(.*)$/m.exec(head)?.[1];
  const profiles = parseProfiles(tail.join(''));
  if (!revision || !target || defaults === undefined || Object.keys(profiles).length === 0) {
    throw new FarmError('infrastructure', 'make info did not tell revision, target, packages and profiles', {
      details: { breakage: 'builder' },
    });
  }
  return { revision, target, defaultPackages: words(defaults), profiles };
}

function parseProfiles(text: string): Record<string, BuilderProfile> {
  const profiles: Record<string, BuilderProfile> = {};
  for (const block of text.split(/^(?=\S)/m)) {
    const [heading = '', ...lines] = block.trimEnd().split('\n');
    const id = /^(\S+):$/.exec(heading)?.[1];
    if (!id) continue;
    const fieldOf = (key: string): string | undefined =>
      lines.find((line) => line.startsWith(`    ${key}:`))?.slice(5 + key.length);
    const title = lines[0]?.startsWith('    Packages:') ? '' : (lines[0] ?? '');
    profiles[id] = {
      title: title.trim(),
      packages: words(fieldOf('Packages') ?? ''),
      supportedDevices: words(fieldOf('SupportedDevices') ?? ''),
    };
  }
  return profiles;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
