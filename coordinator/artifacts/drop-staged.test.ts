import { expect, test } from 'vitest';
import { FarmError } from '../../shared/errors.ts';
import { createLog } from '../../shared/log.ts';
import { dropStaged } from './drop-staged.ts';

test('uploads that cannot be dropped now hold nobody up', async () => {
  const asked: string[] = [];
  const artifacts = {
    drop: async (attemptKey: string): Promise<void> => {
      asked.push(attemptKey);
      throw new FarmError('unavailable', 'the bucket is away');
    },
  };
  await dropStaged({ artifacts, log: createLog('test', 'silent') }, 'an attempt');
  expect(asked).toEqual(['an attempt']);
});
