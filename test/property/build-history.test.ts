import { text } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isFinal, MAX_LOST_ATTEMPTS } from '../../shared/domain/build.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import { BuildFarm, contentOf } from '../support/build-farm.ts';
import {
  Break,
  Cancel,
  Claim,
  type Command,
  Expire,
  Finish,
  Keep,
  LoseJetStream,
  LoseRedis,
  type Model,
  Renew,
  Submit,
  Upload,
} from './build-history.ts';

let farm: BuildFarm;

beforeAll(async () => {
  farm = await BuildFarm.start();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

/** What must hold whatever happened. */
async function holds(model: Model): Promise<void> {
  const { builds, index } = farm.builds;
  const waiting = await farm.redis.zrange('wrtfarm:waiting-order', '0', '-1');
  const delayed = await farm.redis.zrange('wrtfarm:delayed', '0', '-1');
  const leases = await farm.redis.zrange('wrtfarm:leases', '0', '-1');
  for (const { hash, state, current, winner } of model.builds) {
    const record = await builds.get(hash);
    const places = Number(waiting.includes(hash)) + Number(delayed.includes(hash));
    expect(places).toBe(state === 'queued' ? 1 : 0);
    expect(leases.filter((key) => key.startsWith(hash))).toEqual(current ? [attemptKey(current)] : []);
    if (state === 'queued' || state === 'running') expect(record?.state).toBe(state);
    if (state === 'lost') expect(record).toBeUndefined();
    if (record) expect(isFinal(record.state)).toBe(state === 'final');
    expect(farm.finished.filter((each) => each === hash).length).toBe(state === 'final' ? 1 : 0);
    const image = await farm.artifacts.find(hash, 'image.bin');
    expect(image && (await text(image.read()))).toBe(
      winner === undefined ? undefined : contentOfKey(model, winner),
    );
  }
  const unfinished = model.builds.filter(({ state }) => state === 'queued' || state === 'running');
  expect(new Set(await index.unfinishedHashes())).toEqual(new Set(unfinished.map(({ hash }) => hash)));
  const accounts = Object.values(await farm.redis.hgetall('wrtfarm:client-waiting')).map(Number);
  expect(accounts.reduce((sum, count) => sum + count, 0)).toBe(waiting.length);
}

function contentOfKey(model: Model, key: string): string {
  const held = model.leases.find(({ lease }) => attemptKey(lease) === key);
  if (!held) throw new Error(`no lease ${key}`);
  return contentOf(held.lease);
}

/** Checks what must hold after each command. */
function checked(command: Command): Command {
  return {
    check: (model) => command.check(model),
    run: async (model, real) => {
      await command.run(model, real);
      await holds(model);
    },
    toString: () => command.toString(),
  };
}

test('whatever happens to builds, attempts and Redis, each build ends once, by one attempt, and none is lost', async () => {
  const at = fc.nat(50);
  const commands = [
    fc.constant(new Submit()),
    fc.constant(new Claim()),
    fc.constant(new Claim()),
    at.map((value) => new Renew(value)),
    at.map((value) => new Upload(value)),
    at.map((value) => new Finish(value)),
    at.map((value) => new Break(value)),
    at.map((value) => new Expire(value)),
    at.map((value) => new Cancel(value)),
    fc.constant(new LoseRedis()),
    fc.constant(new LoseJetStream()),
    fc.constant(new Keep()),
  ].map((each: fc.Arbitrary<Command>) => each.map(checked));
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { size: '+1' }), async (history) => {
      await farm.reset();
      const model: Model = { builds: [], leases: [] };
      await fc.asyncModelRun(() => ({ model, real: farm }), history);
      // In the end nothing is missing: what is not final can be made, and is then.
      await new Keep().run(model, farm);
      for (let left = model.builds.length * MAX_LOST_ATTEMPTS + 1; left > 0; left -= 1)
        await new Claim().run(model, farm);
      for (const held of model.leases) {
        if (held.build.state !== 'running' || held.build.current !== held.lease) continue;
        await farm.finish(held.lease);
        new Finish(0).taken(held.build, held.lease);
      }
      await holds(model);
      expect(model.builds.every(({ state }) => state === 'final')).toBe(true);
      expect((await farm.copies.hashes()).size).toBe(0);
    }),
    { numRuns: 30 },
  );
});
