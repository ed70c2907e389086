import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Type } from 'typebox';
import { FarmError } from '../shared/errors.ts';
import { assetPath } from '../shared/package-root.ts';
import type { Command } from './command.ts';

/** `wrtfarm test`: the linter, then every test on real servers. */
export const test: Command = {
  name: 'test',
  summary: 'run all tests, on real servers',
  about:
    'Checks the sources (formatter, linter; the launcher has compiled them), then runs all tests, which start the servers ' +
    'they need on free ports. NAME keeps to the test files whose path contains it, and leaves the check out.',
  settings: Type.Object({}),
  positionals: '[NAME …]',
  run: async (input) => {
    if (input.positionals.length === 0) {
      const code = await runTool('node_modules/@biomejs/biome/bin/biome', ['check', '.']);
      if (code !== 0) return code;
    }
    return await runTool('node_modules/vitest/vitest.mjs', [
      'run',
      '--config',
      'test/vitest.config.ts',
      ...input.positionals,
    ]);
  },
};

/** Runs a tool of the checkout in its root. Ctrl-C reaches it by itself; its exit code is ours. */
async function runTool(path: string, args: readonly string[]): Promise<number> {
  if (!existsSync(assetPath(path))) {
    throw new FarmError(
      'failed_precondition',
      `${path} is missing: tests run in a checkout, set up by ./wrtfarm`,
    );
  }
  const child = spawn(process.execPath, [assetPath(path), ...args], {
    cwd: assetPath('.'),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  process.on('SIGTERM', forward);
  process.on('SIGINT', ignore);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    process.off('SIGTERM', forward);
    process.off('SIGINT', ignore);
  }
}

function ignore(): void {
  // The child gets Ctrl-C too and ends; this process then tells its exit code.
}
