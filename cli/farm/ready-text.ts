import type { Terminal } from '../terminal.ts';
import type { FarmFacts } from './farm-facts.ts';
import type { Program } from './programs.ts';

/** What `up` tells a person once the farm is ready. @param program the first words of the facts' agent command. */
export function readyText(facts: FarmFacts, program: Program, terminal: Terminal): string {
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  const agents = Object.keys(facts.pids).filter((name) => name.startsWith('agent-')).length;
  const lend = ['./wrtfarm', ...facts.agentCommand.slice(program.length)].map(shellWord).join(' ');
  const rows = [
    ['clients', facts.coordinators.map(({ http }) => http).join(', ')],
    ['agents', `gRPC ${facts.coordinators.map(({ grpc }) => grpc).join(', ')}, ${facts.nats}`],
    ['running', `${count(facts.coordinators.length, 'coordinator')}, ${count(agents, 'agent')}`],
    ['upstream', facts.upstream],
    ['data', `${facts.data} (logs in logs/, secrets in credentials.json)`],
  ];
  return [
    terminal.paint('bold', `The farm is ready: ${facts.http}`),
    ...rows.map(([name = '', value = '']) => `  ${terminal.paint('dim', name.padEnd(10))}${value}`),
    'To lend it a further agent:',
    `  ${lend}`,
  ].join('\n');
}

/** A word as a POSIX shell reads it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
