import { expect, test } from 'vitest';
import type { BuilderSource, PinnedBuilder } from '../../shared/domain/builder.ts';
import { DiskRoom, type HeldBuilder } from './disk-room.ts';
import type { DiskLimits } from './plan-room.ts';

const MIB = 1024 ** 2;
const source: BuilderSource = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: 'd'.repeat(64),
};
const other: BuilderSource = { ...source, target: 'ath79/generic' };

function held(builder: string, sizeBytes: number): HeldBuilder {
  return { builder, digest: '1', sizeBytes, archiveBytes: sizeBytes / 10, isInUse: false };
}

/** A disk of so many bytes with these builders on it; `stubborn` ones cannot be removed. */
function disk(limits: DiskLimits, builders: readonly HeldBuilder[], stubborn: readonly string[] = []) {
  let left = [...builders];
  let diskBytes = 10_000 * MIB;
  const asked: string[] = [];
  const remove = async ({ builder }: PinnedBuilder): Promise<void> => {
    asked.push(builder);
    const gone = left.find((each) => each.builder === builder);
    left = left.filter((each) => each !== gone);
    if (stubborn.includes(builder)) diskBytes -= gone?.sizeBytes ?? 0;
  };
  const used = (): number => left.reduce((sum, each) => sum + each.sizeBytes, 0);
  const freeBytes = async (): Promise<number> => diskBytes - used();
  return { room: new DiskRoom({ held: () => left, freeBytes, remove }, limits), asked, builders };
}

test('two that come at once are not given the same room', async () => {
  const { room, asked, builders } = disk({ reserveBytes: 0, budgetBytes: 2_500 * MIB }, [
    held('one', 500 * MIB),
    held('two', 500 * MIB),
  ]);
  using first = room.claim(source, builders);
  using second = room.claim(other, builders);
  await Promise.all([first.beforeFetch(100 * MIB), second.beforeFetch(100 * MIB)]);
  expect(asked).toEqual(['one']);
  using third = room.claim({ ...other, version: '25.12.0' }, []);
  await expect(third.beforeFetch(100 * MIB)).rejects.toMatchObject({ details: { limit: 'budget' } });
});

test('builders go until the rest is within the limits, and no more than that', async () => {
  const limits = { reserveBytes: 0, budgetBytes: 900 * MIB };
  const { room, asked, builders } = disk(limits, [
    held('one', 500 * MIB),
    held('two', 500 * MIB),
    held('three', 400 * MIB),
  ]);
  await room.shrink(builders.slice(0, 2));
  expect(asked).toEqual(['one']);
  await room.shrink(builders.slice(1));
  expect(asked).toEqual(['one']);
});

test('room is given back by what failed', async () => {
  const { room } = disk({ reserveBytes: 0, budgetBytes: 1_000 * MIB }, []);
  const first = room.claim(source, []);
  await first.beforeFetch(100 * MIB);
  using second = room.claim(other, []);
  await expect(second.beforeFetch(100 * MIB)).rejects.toThrow('does not fit');
  first[Symbol.dispose]();
  await second.beforeFetch(100 * MIB);
});

test('when one cannot be removed the next one is', async () => {
  const limits = { reserveBytes: 8_500 * MIB };
  const { room, asked, builders } = disk(limits, [held('one', 900 * MIB), held('two', 900 * MIB)], ['one']);
  using claim = room.claim(source, builders);
  await claim.beforeFetch(50 * MIB);
  expect(asked).toEqual(['one', 'two']);
});

test('what a builder really took is what it is expected to take next', async () => {
  const { room } = disk({ reserveBytes: 0, budgetBytes: 1_000 * MIB }, []);
  {
    using claim = room.claim(source, []);
    await claim.beforeFetch(10 * MIB);
    await expect(claim.afterUnpack(1_001 * MIB)).rejects.toMatchObject({ details: { lackingBytes: MIB } });
  }
  using again = room.claim(source, []);
  await expect(again.beforeFetch(10 * MIB)).rejects.toMatchObject({ details: { lackingBytes: MIB } });
});
