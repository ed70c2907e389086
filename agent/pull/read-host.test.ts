import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { parsePressure, readHost } from './read-host.ts';

test.each([
  [
    'some avg10=91.21 avg60=64.68 avg300=39.01 total=1369955155\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    0.9121,
  ],
  ['some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n', 0],
  ['some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n', 1],
  ['', undefined],
  ['full avg10=3.00 avg60=0.00 avg300=0.00 total=0\n', undefined],
])('pressure %j is %s', (text, expected) => {
  expect(parsePressure(text)).toBe(expected);
});

test('this machine can be read', async () => {
  const host = await readHost(tmpdir());
  expect(host.diskFreeBytes).toBeGreaterThan(0);
  expect(host.loadPerCore).toBeGreaterThanOrEqual(0);
});
