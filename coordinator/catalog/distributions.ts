import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { SettingsError } from '../../shared/env.ts';
import { messageOf } from '../../shared/errors.ts';
import { assetPath } from '../../shared/package-root.ts';
import { contradictionsOf, type Distribution, DistributionSchema, distributionOf } from './distribution.ts';

const FOLDER = 'coordinator/catalog/distros';
/** The distribution of requests that name none, and the one that overview and branches tell about. */
export const DEFAULT_DISTRO = 'openwrt';

/** Distributions by name; `DEFAULT_DISTRO` is always among them. */
export type Distributions = ReadonlyMap<string, Distribution>;

/**
 * OpenWrt as the product knows it, and the distributions of further files. An entry without a slash or a dot names a file of the
 * product (`immortalwrt`); a file whose name is known already takes its place.
 * @throws SettingsError with every problem of every file.
 */
export function loadDistributions(files: readonly string[]): Distributions {
  const problems: string[] = [];
  const distributions = new Map<string, Distribution>();
  for (const file of [DEFAULT_DISTRO, ...files]) {
    const read = readDistribution(file);
    if (Array.isArray(read)) problems.push(...read.map((problem) => `distribution ${file}: ${problem}`));
    else distributions.set(read.name, read);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return distributions;
}

/** The distribution, or what is wrong with its file. */
function readDistribution(file: string): Distribution | string[] {
  const path = /^[a-z0-9-]+$/.test(file) ? assetPath(`${FOLDER}/${file}.json`) : file;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    return [`${path} could not be read as JSON: ${messageOf(thrown)}`];
  }
  if (!Value.Check(DistributionSchema, value)) {
    return [...Value.Errors(DistributionSchema, value)].map(
      ({ instancePath, message }) => `${instancePath || '/'} ${message}`,
    );
  }
  const contradictions = contradictionsOf(value);
  return contradictions.length > 0 ? [...contradictions] : distributionOf(value);
}
