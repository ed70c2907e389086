import { expect, test } from 'vitest';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import { SMALL_SOURCE } from '../build/small-builder.test.support.ts';
import type { BuilderCache } from './builder-cache.ts';
import { Warming } from './warming.ts';

const evictable = [{ builder: 'openwrt=24_10_4=x86=64', digest: 'e'.repeat(64) }];

const shrink: BuilderCache['shrink'] = async () => undefined;

test('an order to make room is carried out, and what goes wrong with it ends nothing', async () => {
  const asked: unknown[] = [];
  const builders = {
    warmUp: () => Promise.reject(new Error('not to be asked')),
    shrink: async (order: unknown) => {
      asked.push(order);
      throw new Error('the disk is gone');
    },
  };
  const warming = new Warming({ builders, log: silentLog }, () => undefined);
  warming.shrink(evictable);
  await warming[Symbol.asyncDispose]();
  expect(asked).toEqual([evictable]);
});

test('an order is carried out with what may be removed for it', async () => {
  const orders: unknown[] = [];
  const warmUp: BuilderCache['warmUp'] = async (source, options) => {
    orders.push([source, options.evictable]);
    throw new FarmError('infrastructure', 'no room for it');
  };
  let changes = 0;
  const warming = new Warming({ builders: { warmUp, shrink }, log: silentLog }, () => {
    changes += 1;
  });
  warming.begin(SMALL_SOURCE, evictable);
  await warming[Symbol.asyncDispose]();
  expect(orders).toEqual([[SMALL_SOURCE, evictable]]);
  expect(changes).toBe(2);
  const failed = { builder: 'openwrt=25_12_5=ath79=generic', digest: SMALL_SOURCE.digest };
  expect(warming.takeFailures()).toEqual([{ ...failed, reason: 'no room for it' }]);
  expect(warming.takeFailures()).toEqual([]);
});

test('an order for what this agent was told not to take is refused, whoever gives it', async () => {
  const asked: BuilderSource[] = [];
  const warmUp: BuilderCache['warmUp'] = async (source) => {
    asked.push(source);
    throw new Error('not to be asked');
  };
  const accepts = { targets: ['x86/*'] };
  const warming = new Warming({ builders: { warmUp, shrink }, log: silentLog, accepts }, () => undefined);
  warming.begin(SMALL_SOURCE);
  await warming[Symbol.asyncDispose]();
  expect(asked).toEqual([]);
  expect(warming.takeFailures()).toMatchObject([
    { reason: 'this agent was told not to take work for 25.12.5 ath79/generic' },
  ]);
});
