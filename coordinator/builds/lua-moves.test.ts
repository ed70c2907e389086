import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ATTEMPT_MOVES } from '../../shared/domain/attempt-state.ts';
import { BUILD_MOVES, BUILD_STATES, STAGES } from '../../shared/domain/build.ts';
import { assetPath } from '../../shared/package-root.ts';

const folder = assetPath('coordinator/builds/lua');
const common = readFileSync(`${folder}/common.lua`, 'utf8');

/** A table of moves of common.lua: `from = { to = true, … },` a line. */
function luaMoves(name: 'MOVES' | 'ATTEMPT_MOVES'): Record<string, string[]> {
  const [, table] = new RegExp(`^local ${name} = \\{\n(.*?)^\\}`, 'ms').exec(common) ?? [];
  const rows = (table ?? '').trim().split('\n');
  return Object.fromEntries(
    rows.map((row) => {
      const [, from, targets] = /^\s*(\w+) = \{(.*)\},$/.exec(row) ?? [];
      if (from === undefined || targets === undefined) throw new Error(`not a row of ${name}: ${row}`);
      const moves = [...targets.matchAll(/(\w+) = (\w+)/g)];
      return [from, moves.filter(([, , value]) => value === 'true').map(([, to = '']) => to)];
    }),
  );
}

test('the tables of legal moves in Lua are those in TypeScript', () => {
  expect(luaMoves('MOVES')).toEqual(BUILD_MOVES);
  expect(luaMoves('ATTEMPT_MOVES')).toEqual(ATTEMPT_MOVES);
});

test('only the one function that knows the table changes the state of a build', () => {
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.lua'));
  expect(scripts.length).toBeGreaterThan(10);
  const text = scripts.map((name) => readFileSync(`${folder}/${name}`, 'utf8')).join('');
  expect([...text.matchAll(/HSET'[^)]*'state', '(?:granted|running)'/g)]).toEqual([]);
  for (const name of scripts) {
    const source = readFileSync(`${folder}/${name}`, 'utf8');
    const moved = [...source.matchAll(/\bmove\([^,()]+, ('?)([\w.]+)\1\)/g)].map(([, , to]) => to);
    const known: readonly string[] = [...BUILD_STATES, 'to', 'a.outcome'];
    expect(known, name).toEqual(expect.arrayContaining(moved));
    // A build is created in a state at two places; every other write of one goes through `move`.
    const creations = [...source.matchAll(/'requestHash', a\.requestHash, /g)].length;
    const writes = [...source.matchAll(/HSET', (?:build_key\([^)]*\)|key),[^)]*'state'/g)];
    expect(writes.length, name).toBe(creations + (name === 'common.lua' ? 1 : 0));
  }
});

test('a claimed build is at the first stage', () => {
  const claim = readFileSync(`${folder}/claim.lua`, 'utf8');
  expect(claim).toContain(`'stage', '${STAGES[0]}'`);
});
