import { expect, test } from 'vitest';
import { createTerminal } from '../terminal.ts';
import { BuildView, printable } from './build-view.ts';

function recorded(isTTY: boolean): { readonly written: string[]; readonly view: BuildView } {
  const written: string[] = [];
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) > 0 };
  return { written, view: new BuildView(createTerminal(stream, stream, {})) };
}

function play(view: BuildView): void {
  view.show({ event: 'queued', hash: 'h', position: 2, etaSeconds: 250 });
  view.show({ event: 'stage', hash: 'h', stage: 'building_image' });
  view.show({ event: 'log', line: '\u001b]0;title\u0007Installing\ttmux' });
  view[Symbol.dispose]();
}

test('without a terminal a build is plain lines', () => {
  const { written, view } = recorded(false);
  play(view);
  const text = written.join('');
  expect(text).toMatch(
    /waiting for an agent, 2 before it, done in about 5 min\n.*building the image\n.*│ .*Installing {4}tmux\n$/,
  );
  expect(text).not.toContain('\u001b');
});

test('an attempt that was lost is told where the build waits again, and where its log ends', () => {
  const { written, view } = recorded(false);
  view.show({ event: 'log', line: 'first try' });
  view.show({ event: 'queued', hash: 'h', position: 0, etaSeconds: undefined, lostAttempt: 1 });
  view.show({ event: 'lost', attempt: 1 });
  view.show({ event: 'gap', skippedBytes: 2048 });
  view[Symbol.dispose]();
  expect(written.join('')).toMatch(
    /│ first try\n.*waiting for an agent, attempt 1 was lost\n.*│ --- attempt 1 was lost.* ---\n.*│ --- 2.0 KiB left out.* ---\n$/,
  );
});

test('on a terminal a bar stands below the lines and is gone afterwards', () => {
  const { written, view } = recorded(true);
  play(view);
  expect(written.some((text) => text.includes('░'))).toBe(true);
  expect(written.at(-1)).toBe('\r\u001b[2K');
});

test('control characters of others never reach the terminal', () => {
  expect(printable('a\u001b[31mb\rc\u0000\u009b2Jd')).toBe('a[31mbc2Jd');
});
