import { homedir } from 'node:os';
import type { TObject } from 'typebox';
import { flagsOf } from './flags.ts';

/**
 * Text of a file of variables for a program: each setting with its description, the default commented out, what is
 * required left open. Read by systemd's EnvironmentFile and `node --env-file`.
 */
export function envExample(program: string, schema: TObject): string {
  const lines = [
    `# Settings of \`wrtfarm ${program}\`; flags of the same names go before them.`,
    '# Commented lines show the defaults.',
  ];
  for (const flag of flagsOf(schema)) {
    const value = (flag.defaultValue ?? (flag.isBoolean ? 'false' : '')).replace(homedir(), '~');
    const kind = flag.isRequired ? 'Required: ' : '';
    const list = flag.isRepeatable ? ' (separated by commas)' : '';
    lines.push('', `# ${kind}${flag.description}${list}`);
    lines.push(`${flag.isRequired ? '' : '#'}${flag.environment}=${value}`);
  }
  return `${lines.join('\n')}\n`;
}
