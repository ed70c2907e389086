import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AgentSettingsSchema } from '../agent/config.ts';
import { CoordinatorSettingsSchema } from '../coordinator/config.ts';
import { assetPath } from '../shared/package-root.ts';
import { envExample } from './env-example.ts';

test.each([
  ['coordinator', CoordinatorSettingsSchema],
  ['agent', AgentSettingsSchema],
] as const)('deploy/%s.env.example tells exactly the settings there are', (program, schema) => {
  const file = readFileSync(assetPath(`deploy/${program}.env.example`), 'utf8');
  expect(file).toBe(envExample(program, schema));
});
