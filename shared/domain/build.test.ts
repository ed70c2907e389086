import { expect, test } from 'vitest';
import {
  BUILD_MOVES,
  BUILD_STATES,
  type BuildState,
  binDir,
  GENERATION_PATTERN,
  isFinal,
  newGeneration,
  OUTCOMES,
  STAGES,
} from './build.ts';

/** Every state a build can come to from one, itself included. */
function reachable(from: BuildState, seen = new Set<BuildState>()): ReadonlySet<BuildState> {
  if (!seen.has(from)) {
    seen.add(from);
    for (const next of BUILD_MOVES[from]) reachable(next, seen);
  }
  return seen;
}

test('a build can always end, in every way there is', () => {
  for (const state of BUILD_STATES.filter((each) => !isFinal(each))) {
    expect([...reachable(state)], state).toEqual(expect.arrayContaining([...OUTCOMES]));
  }
});

test('the outcomes are the final states, and nothing leads out of them', () => {
  expect(BUILD_STATES.filter(isFinal)).toEqual([...OUTCOMES]);
  for (const outcome of OUTCOMES) expect([...reachable(outcome)]).toEqual([outcome]);
});

test('only publishing leads to an outcome, and it leads nowhere else', () => {
  const ending = BUILD_STATES.filter((state) => BUILD_MOVES[state].some(isFinal));
  expect(ending).toEqual(['publishing']);
  expect(BUILD_MOVES.publishing.every(isFinal)).toBe(true);
});

test('every stage is a word that the pickiest client knows', () => {
  // luci-app-attendedsysupgrade throws on others (contract 1.2, step 5).
  const known = [
    'init',
    'container_setup',
    'validate_revision',
    'validate_manifest',
    'calculate_packages_hash',
    'building_image',
    'signing_images',
  ];
  expect(known).toEqual(expect.arrayContaining([...STAGES]));
  expect(STAGES[0]).toBe('init');
});

test('a generation is 32 hex digits and never the same twice', () => {
  const generations = Array.from({ length: 100 }, newGeneration);
  for (const generation of generations) expect(generation).toMatch(new RegExp(GENERATION_PATTERN));
  expect(new Set(generations).size).toBe(100);
});

test('the folder of a build is 64 hex digits that change with hash and generation, and with nothing else', () => {
  const [hash, generation] = ['a'.repeat(64), '1'.repeat(32)];
  const folder = binDir(hash, generation);
  expect(folder).toMatch(/^[0-9a-f]{64}$/);
  expect(binDir(hash, generation)).toBe(folder);
  const others = [binDir('b'.repeat(64), generation), binDir(hash, '2'.repeat(32)), hash];
  expect(new Set([folder, ...others]).size).toBe(4);
});
