import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DistributionFile } from '../../coordinator/catalog/distribution.ts';
import { assetPath } from '../../shared/package-root.ts';

/** A file for `--distros`. Disposing removes it. */
export interface WrittenDistribution extends AsyncDisposable {
  readonly path: string;
}

/** Writes a distribution that is OpenWrt as the product knows it, but for what `change` returns. */
export async function writeDistribution(
  change: (openwrt: DistributionFile) => Partial<DistributionFile>,
): Promise<WrittenDistribution> {
  const shipped = await readFile(assetPath('coordinator/catalog/distros/openwrt.json'), 'utf8');
  const openwrt = JSON.parse(shipped) as DistributionFile;
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-distribution-'));
  const path = join(folder, 'distribution.json');
  await writeFile(path, JSON.stringify({ ...openwrt, ...change(openwrt) }));
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
