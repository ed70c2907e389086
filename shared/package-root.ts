import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder that holds package.json, the same for the sources and for what is compiled from them below `dist/`. */
export const packageRoot: string = findPackageRoot(import.meta.dirname);

/** A file the product ships beside its code, such as `proto/attempt.proto`, by its path from the package's root. */
export function assetPath(path: string): string {
  return join(packageRoot, path);
}

/** The version in package.json. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(assetPath('package.json'), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : '0.0.0';
}

function findPackageRoot(start: string): string {
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) return directory;
    if (directory === dirname(directory)) throw new Error(`no package.json above ${start}`);
  }
}
