import { expect, test } from 'vitest';
import { JointRead } from './joint-read.ts';

/** Reads that end when told, each with its number. */
function numbered() {
  const ends: ((error?: Error) => void)[] = [];
  const joint = new JointRead(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.length + 1;
        ends.push((error) => (error ? reject(error) : resolve(number)));
      }),
  );
  return { joint, ends };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('whoever asks during a read shares the one after it', async () => {
  const { joint, ends } = numbered();
  const first = joint.get();
  const others = [joint.get(), joint.get(), joint.get()];
  await settled();
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await settled();
  expect(ends).toHaveLength(2);
  ends[1]?.();
  expect([await first, ...(await Promise.all(others))]).toEqual([1, 2, 2, 2]);
  const later = joint.get();
  ends[2]?.();
  expect(await later).toBe(3);
});

test('a read that fails fails for those who asked before it began, and for nobody else', async () => {
  const { joint, ends } = numbered();
  const first = joint.get();
  const second = joint.get();
  ends[0]?.(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  ends[1]?.();
  expect(await second).toBe(2);
});
