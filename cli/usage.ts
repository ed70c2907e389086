import type { Command } from './command.ts';
import { type Flag, flagsOf } from './flags.ts';

/** The list of commands, for `wrtfarm help`. */
export function overviewText(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    'wrtfarm builds OpenWrt firmware images on demand, on as many machines as there are.',
    '',
    'Usage: wrtfarm <command> [flags]',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    '`wrtfarm <command> --help` tells its flags. --verbose, with any command, shows where an error came from.',
  ].join('\n');
}

/** All about one command, for `--help`. @param columns the width to keep to. */
export function helpText(command: Command, columns: number): string {
  const flags = flagsOf(command.settings);
  const usage = ['wrtfarm', command.name, flags.length > 0 ? '[flags]' : '', command.positionals ?? ''];
  const lines = [
    `Usage: ${usage.filter((word) => word !== '').join(' ')}`,
    '',
    ...wrap(command.about, columns),
  ];
  if (flags.length > 0) lines.push('', ...describeFlags(command, flags, columns));
  return lines.join('\n');
}

function describeFlags(command: Command, flags: readonly Flag[], columns: number): string[] {
  const labels = flags.map((flag) => `--${flag.name}${flag.isBoolean ? '' : ` ${flag.placeholder}`}`);
  const width = Math.max(...labels.map((label) => label.length));
  const lines = flags.flatMap((flag, index) => {
    const text = wrap(descriptionOf(command, flag), Math.max(30, columns - width - 4));
    return text.map((part, row) => `  ${(row === 0 ? (labels[index] ?? '') : '').padEnd(width)}  ${part}`);
  });
  return [command.readsEnvironment ? 'Flags, and the variables that do the same:' : 'Flags:', ...lines];
}

function descriptionOf(command: Command, flag: Flag): string {
  const notes = [
    flag.isRequired ? 'required' : '',
    flag.defaultValue === undefined ? '' : `default ${flag.defaultValue}`,
    command.readsEnvironment ? flag.environment : '',
  ].filter((note) => note !== '');
  return flag.description + (notes.length > 0 ? ` (${notes.join('; ')})` : '');
}

/** Breaks text at blanks; its own line breaks stay, and lines that begin with a blank are left as they are. */
function wrap(text: string, columns: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    if (paragraph.startsWith(' ')) return [paragraph];
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > columns) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}
