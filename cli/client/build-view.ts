import { drawBar, fractionOf, showBytes, showDuration, stageWords } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import type { BuildEvent } from './build-event.ts';

const REDRAW_MS = 100;
const BAR_WIDTH = 30;

/** Shows a build to a person: a line for each stage, the log as it comes, and where it is drawn over, a bar. */
export class BuildView implements Disposable {
  readonly #terminal: Terminal;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  #stage = 'queued';
  #stageAt = this.#startedAt;
  #shown = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    if (terminal.isInteractive) this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  show(event: BuildEvent): void {
    switch (event.event) {
      case 'queued':
        this.#enter('queued', queueNote(event));
        break;
      case 'stage':
        this.#enter(event.stage, '');
        break;
      case 'log':
        this.#log(event.line);
        break;
      case 'lost':
        this.#log(`--- attempt ${event.attempt} was lost, its log ends here ---`);
        break;
      case 'gap':
        this.#log(
          `--- ${showBytes(event.skippedBytes)} left out: the build is faster than this terminal ---`,
        );
        break;
      case 'away':
        this.#say(`the server does not answer, asking again (${printable(event.reason)})`);
        break;
    }
    this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#terminal.status(undefined);
  }

  #log(line: string): void {
    this.#terminal.line(this.#terminal.paint('dim', `${' '.repeat(10)}│ ${printable(line)}`));
  }

  #enter(stage: string, note: string): void {
    if (stage !== this.#stage) this.#stageAt = performance.now();
    this.#stage = stage;
    this.#say(printable(stageWords(stage)) + note);
  }

  #say(text: string): void {
    if (text === this.#shown) return;
    this.#shown = text;
    const elapsed = showDuration(performance.now() - this.#startedAt).padStart(9);
    this.#terminal.line(`${this.#terminal.paint('dim', elapsed)} ${text}`);
  }

  #draw(): void {
    if (!this.#terminal.isInteractive) return;
    const now = performance.now();
    const fraction = fractionOf(this.#stage, now - this.#stageAt);
    const bar = this.#terminal.paint('cyan', drawBar(fraction, BAR_WIDTH));
    const words = printable(stageWords(this.#stage)).slice(0, Math.max(0, this.#terminal.columns - 50));
    const seconds = ((now - this.#startedAt) / 1000).toFixed(1);
    this.#terminal.status(`   ${bar} ${words}, ${seconds} s`);
  }
}

/** `, attempt 1 was lost, 3 before it, done in about 5 min`; coarse, so that it is not a new line with every poll. */
function queueNote({ lostAttempt, position, etaSeconds }: Extract<BuildEvent, { event: 'queued' }>): string {
  const lost = lostAttempt === undefined ? '' : `, attempt ${lostAttempt} was lost`;
  const before = position ? `, ${position} before it` : '';
  const done = etaSeconds === undefined ? '' : `, done in about ${coarseDuration(etaSeconds)}`;
  return lost + before + done;
}

function coarseDuration(seconds: number): string {
  if (seconds < 60) return `${Math.max(10, Math.ceil(seconds / 10) * 10)} s`;
  if (seconds < 90 * 60) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3_600)} h`;
}

/** Text from elsewhere without control characters, which could redraw or rename the reader's terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
  return text.replaceAll('\t', '    ').replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
