import { expect, test } from 'vitest';
import { BuildLog, commandLine } from './build-log.ts';

function collected(maxBytes = 1000): { readonly log: BuildLog; text(): string } {
  const texts: string[] = [];
  return { log: new BuildLog((text) => texts.push(text), maxBytes), text: () => texts.join('') };
}

test('characters that arrive in pieces come out whole, also when both streams take turns', () => {
  const { log, text } = collected();
  const [stdout, stderr] = [log.stream(), log.stream()];
  const bytes = Buffer.from('€ä');
  stdout.write(bytes.subarray(0, 2));
  stderr.write(Buffer.from('err '));
  stdout.write(bytes.subarray(2, 4));
  stdout.write(bytes.subarray(4));
  stdout.end();
  expect(text()).toBe('err €ä');
});

test('a character that never became whole ends as a replacement character', () => {
  const { log, text } = collected();
  const stream = log.stream();
  stream.write(Buffer.from([0xe2, 0x82]));
  stream.end();
  expect(text()).toBe('\ufffd');
});

test('headings begin on a line of their own', () => {
  const { log, text } = collected();
  log.heading('one');
  log.stream().write(Buffer.from('no end'));
  log.heading('two');
  expect(text()).toBe('--- one\nno end\n--- two\n');
});

test('beyond the limit there is one note and nothing more', () => {
  const { log, text } = collected(10);
  const stream = log.stream();
  for (const part of ['12345\n', '6789', 'abc', 'def']) stream.write(Buffer.from(part));
  log.heading('end');
  expect(text()).toBe('12345\n6789\n--- the log is longer than 10 bytes; the rest is dropped\n');
});

test('a command is shown so that its words can be told apart', () => {
  expect(commandLine(['make', 'image', 'PACKAGES=a -b', "it's"])).toBe(
    "make image 'PACKAGES=a -b' 'it'\\''s'",
  );
});
