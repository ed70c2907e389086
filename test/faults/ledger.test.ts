import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assetPath } from '../../shared/package-root.ts';

/* The short runs; `npm run faults` is the long one. */

test.each([
  ['a folder', ['--builds', '200']],
  ['a bucket', ['--builds', '100', '--bucket']],
])(
  'a farm with results in %s that is hurt in every way loses nothing that it accepted',
  async (_place, how) => {
    const args = ['--seed', '1', '--quiet', ...how];
    const run = promisify(execFile)(process.execPath, [
      assetPath('dist/test/faults/ledger/main.js'),
      ...args,
    ]);
    const { stdout } = await run.catch((thrown: { readonly stdout?: string }) => ({
      stdout: thrown.stdout ?? String(thrown),
    }));
    expect(stdout).toContain('The ledger balances.');
  },
  180_000,
);
