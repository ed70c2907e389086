import { expect, test } from 'vitest';
import { STAGES } from '../shared/domain/build.ts';
import { drawBar, fractionOf, showBytes, showDuration, stageWords } from './progress.ts';

test('a build never seems to go backwards, nor done before it is', () => {
  const fractions = ['queued', ...STAGES].flatMap((stage) =>
    [0, 1_000, 60_000, 3_600_000].map((ms) => fractionOf(stage, ms)),
  );
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(new Set(fractions).size).toBeGreaterThan(STAGES.length * 3);
  expect(fractions.at(-1)).toBeLessThan(1);
  expect(fractionOf('done', 0)).toBe(1);
});

test('a bar keeps its width whatever it shows', () => {
  for (const fraction of [-1, 0, 0.01, 0.333, 0.5, 0.99, 1, 2])
    expect(drawBar(fraction, 20)).toHaveLength(20);
  expect(drawBar(0, 4)).toBe('░░░░');
  expect(drawBar(0.5, 4)).toBe('██░░');
  expect(drawBar(0.625, 4)).toBe('██▌░');
  expect(drawBar(1, 4)).toBe('████');
});

test('stages are told in words, unknown ones readably', () => {
  for (const stage of STAGES) expect(stageWords(stage)).not.toContain('_');
  expect(stageWords('signing_images')).toBe('signing images');
});

test('durations and sizes are short', () => {
  expect([5, 999, 1_000, 59_000, 125_000].map(showDuration)).toEqual([
    '5 ms',
    '999 ms',
    '1.0 s',
    '59.0 s',
    '2 min 5 s',
  ]);
  expect([0, 1023, 1024, 7_654_321].map(showBytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '7.3 MiB']);
});
