import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetPath } from './package-root.ts';

/** What each folder must not import, and what looks like it and is allowed. */
const FOLDERS = {
  shared: {
    forbidden: [
      '../coordinator/app.ts',
      '../../agent/build/info.ts',
      '../../cli/main.ts',
      '../test/support/x.ts',
    ],
    allowed: ['./domain/agent.ts', '../errors.ts', '../proto/generated/attempt.ts', 'undici'],
  },
  coordinator: {
    forbidden: [
      '../agent/config.ts',
      '../../agent/build/info.ts',
      '../cli/main.ts',
      '../../test/support/x.ts',
    ],
    allowed: ['../agents/trust.ts', '../shared/errors.ts', '../../shared/domain/agent.ts', './app.ts'],
  },
  agent: {
    forbidden: [
      '../coordinator/app.ts',
      '../../coordinator/rpc/x.ts',
      '../cli/main.ts',
      '../../test/support/x.ts',
    ],
    allowed: [
      '../upload/coordinator-pool.ts',
      '../shared/errors.ts',
      '../../shared/domain/build.ts',
      './app.ts',
    ],
  },
  cli: {
    forbidden: [],
    allowed: [
      '../coordinator/main.ts',
      '../agent/main.ts',
      '../shared/env.ts',
      '../test/support/upstream/x.ts',
    ],
  },
} as const;

/** Ways to import, each a line. */
const FORMS: readonly ((from: string, name: string) => string)[] = [
  (from, name) => `import { ${name} } from '${from}';`,
  (from, name) => `import type { ${name} } from '${from}';`,
  (from, name) => `export { ${name} } from '${from}';`,
  (from, name) => `export const ${name} = await import('${from}');`,
];

/** Every import of a folder in every form, one a line; `specifiers[n]` is what line n + 1 imports. */
function source(specifiers: readonly string[]): {
  readonly text: string;
  readonly imported: readonly string[];
} {
  const lines = specifiers.flatMap((from, at) =>
    FORMS.map((form, index) => ({ from, line: form(from, `name${at}x${index}`) })),
  );
  return {
    text: `${lines.map(({ line }) => line).join('\n')}\n`,
    imported: lines.map(({ from }) => from),
  };
}

const folders = Object.entries(FOLDERS).map(([folder, { forbidden, allowed }]) => ({
  folder,
  forbidden,
  path: `${folder}/deep/imports.ts`,
  ...source([...forbidden, ...allowed]),
}));

let root: string;
/** What the linter said, a line each. */
let annotations: readonly string[];

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'wrtfarm-imports-'));
  for (const name of ['biome.json', '.gitignore']) copyFileSync(assetPath(name), join(root, name));
  for (const { path, text } of folders) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const lint = [
    'lint',
    '--only=style/noRestrictedImports',
    '--max-diagnostics=none',
    '--reporter=github',
    '.',
  ];
  const { status, stdout } = spawnSync(assetPath('node_modules/.bin/biome'), lint, {
    cwd: root,
    encoding: 'utf8',
  });
  expect(status, 'forbidden imports fail the lint').toBe(1);
  annotations = stdout.split('\n').filter((line) => line.startsWith('::error '));
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

test.each(folders)('$folder imports what it may and nothing else', ({ path, imported, forbidden }) => {
  const lines = annotations
    .filter((line) => line.includes(`/${path},`))
    .map((line) => Number(/,line=(\d+),/.exec(line)?.[1]));
  const refused = imported.flatMap((from, index) =>
    (forbidden as readonly string[]).includes(from) ? [index + 1] : [],
  );
  expect(lines.sort((one, other) => one - other)).toEqual(refused);
});
