import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assetPath, packageRoot, packageVersion } from './package-root.ts';

test('what ships beside the code is found from the folder of package.json', () => {
  expect(existsSync(join(packageRoot, 'package.json'))).toBe(true);
  expect(readFileSync(assetPath('proto/attempt.proto'), 'utf8')).toContain('package wrtfarm.v1;');
});

test('the version is the one in package.json', () => {
  const { name, version } = JSON.parse(readFileSync(assetPath('package.json'), 'utf8'));
  expect(name).toBe('wrtfarm');
  expect(packageVersion()).toBe(version);
});
