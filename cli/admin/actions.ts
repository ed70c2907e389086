import { parseBuilderName } from '../../shared/domain/builder.ts';
import { closest } from '../suggest.ts';
import type { AdminAnswer } from './admin-client.ts';
import { showAgents, showBuilders, showQueue } from './tables.ts';

/** One thing an operator can ask for. */
export interface Action {
  readonly method: 'GET' | 'POST';
  readonly needsToken: boolean;
  /** The name that must stand behind the action; undefined for none. */
  readonly takes?: TakenName;
  readonly about: string;
  path(name: string): string;
  /** Lines for people. */
  show(answer: AdminAnswer): readonly string[];
}

/** What an action is done to. */
interface TakenName {
  /** For people. */
  readonly usage: string;
  readonly mostWords: number;
  /** What is wrong with a name. */
  problem?(name: string): string | undefined;
}

const HASH: TakenName = { usage: 'HASH', mostWords: 1 };
const AGENT: TakenName = { usage: 'AGENT', mostWords: 1 };
const BUILDER: TakenName = {
  usage: '[DISTRO] VERSION TARGET',
  mostWords: 3,
  problem: (name) =>
    parseBuilderName(name) ? undefined : `"${name}" is no builder; one is 24.10.4 ath79/generic`,
};

const build = (verb: string, about: string, done: string): Action => ({
  method: 'POST',
  needsToken: true,
  takes: HASH,
  about,
  path: (name) => `/api/v1/admin/builds/${encodeURIComponent(name)}/${verb}`,
  show: () => [done],
});

const agent = (verb: string, about: string, done: string): Action => ({
  method: 'POST',
  needsToken: true,
  takes: AGENT,
  about,
  path: (name) => `/api/v1/admin/agents/${encodeURIComponent(name)}/${verb}`,
  show: ({ is_there: isThere }) => [isThere === true ? done : `${done}, once it is there again`],
});

const builder = (verb: string, about: string, show: Action['show']): Action => ({
  method: 'POST',
  needsToken: true,
  takes: BUILDER,
  about,
  path: (name) => {
    const { distro = '', version = '', target = '' } = parseBuilderName(name) ?? {};
    return `/api/v1/admin/builders/${distro}/${version}/${target}/${verb}`;
  },
  show,
});

const ACTIONS: Readonly<Record<string, Action>> = {
  agents: {
    method: 'GET',
    needsToken: false,
    about: 'who works here and has what ready',
    path: () => '/api/v1/agents',
    show: showAgents,
  },
  builders: {
    method: 'GET',
    needsToken: false,
    about: 'which builders are ready where, and waited for',
    path: () => '/api/v1/builders',
    show: showBuilders,
  },
  queue: {
    method: 'GET',
    needsToken: true,
    about: 'the builds that wait',
    path: () => '/api/v1/admin/queue',
    show: showQueue,
  },
  drain: agent('drain', 'lets an agent finish what it has and take no more', 'the agent takes no more work'),
  undrain: agent('undrain', 'lets a drained agent take work again', 'the agent takes work again'),
  pin: builder('pin', 'keeps a builder warm always', ({ was_pinned: wasPinned }) => [
    wasPinned === true ? 'the builder was pinned already' : 'the builder is kept warm from now on',
  ]),
  unpin: builder('unpin', 'leaves it to what is asked for again', ({ was_pinned: wasPinned }) => [
    wasPinned === true ? 'the builder is pinned no more' : 'the builder was not pinned',
  ]),
  cancel: build('cancel', 'ends a build that waits or is made', 'the build is cancelled'),
  prioritise: build(
    'prioritise',
    'lets a waiting build be the next of its builder',
    'the build is the next one',
  ),
  retry: build('retry', 'makes a build anew that failed or was cancelled', 'the build is made anew'),
  purge: build('purge', 'removes a final build with its files', 'the build and its files are gone'),
};

/** For `--help`. */
export const USAGE = Object.entries(ACTIONS)
  .map(([name, { takes, about }]) => `${[name, takes?.usage].filter(Boolean).join(' ').padEnd(29)} ${about}`)
  .join('\n');

/** The action that words ask for, with its name; or what is wrong with them. */
export function findAction(
  words: readonly string[],
): { readonly action: Action; readonly name: string } | string {
  const [verb, ...rest] = words;
  const all = Object.keys(ACTIONS).join(', ');
  if (verb === undefined) return `say what to do: ${all}`;
  const action = Object.hasOwn(ACTIONS, verb) ? ACTIONS[verb] : undefined;
  if (!action) {
    const meant = closest(verb, Object.keys(ACTIONS));
    return `there is no action "${verb}"${meant ? `; did you mean "${meant}"?` : `: ${all}`}`;
  }
  const { takes } = action;
  const extra = rest[takes?.mostWords ?? 0];
  if (extra !== undefined) return `"${extra}" is one word too many`;
  if (takes && rest.length === 0) return `${verb} needs a name: ${verb} ${takes.usage}`;
  const name = rest.join(' ');
  return takes?.problem?.(name) ?? { action, name };
}
