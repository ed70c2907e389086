import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assetPath } from '../../shared/package-root.ts';

/* The short run; `npm run faults` is the long one. */

test('a farm that is hurt in every way loses nothing that it accepted', async () => {
  const args = ['--seed', '1', '--builds', '200', '--quiet'];
  const run = promisify(execFile)(process.execPath, [assetPath('dist/test/faults/ledger/main.js'), ...args]);
  const { stdout } = await run.catch((thrown: { readonly stdout?: string }) => ({
    stdout: thrown.stdout ?? String(thrown),
  }));
  expect(stdout).toContain('The ledger balances.');
}, 180_000);
