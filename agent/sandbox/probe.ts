import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../shared/errors.ts';
import type { Method } from './launch.ts';
import { NOT_STARTED } from './not-started.ts';
import { removeTree } from './tree.ts';
import { openView, type ViewSetting } from './view.ts';

/** A method that works here, or why none does. */
export type ProbeResult =
  | { readonly method: Method; readonly description: string }
  | { readonly refusals: string };

const PROBE_MS = 15_000;
/**
 * What builds do that a bad overlay or a bad user namespace refuses: change, move and remove what the tree brought,
 * own files, see only their own processes, write nothing of the host's.
 */
const PROBE_SCRIPT = `
set -e
[ "$(id -u)" = 0 ]
[ -d /proc/1 ] && [ ! -w /usr ]
echo changed >folder/file
mv folder/file moved
rm -rf folder
mkdir folder
chown 0:0 moved
chmod 4755 moved
: >readonly/new
rm -rf readonly
: </dev/null >/tmp/file
echo done >/out/answer
`;

/** Tries the methods in order and takes the first that passes. `undefined` when there is none to try. */
export async function probeMethods(
  base: Omit<ViewSetting, 'method' | 'tree' | 'inPlace'>,
  methods: readonly Method[],
): Promise<ProbeResult | undefined> {
  const refusals: { readonly method: Method; readonly reason: string }[] = [];
  for (const method of methods) {
    const reason = await tryMethod({ ...base, method });
    if (reason === undefined) return { method, description: describe(method, refusals) };
    refusals.push({ method, reason });
  }
  if (refusals.length === 0) return undefined;
  return {
    refusals: refusals
      .map(({ method, reason }) => `${method.layering} with ${method.jail}: ${reason}`)
      .join('; '),
  };
}

/** Why the method does not work here, or `undefined` when it does. */
async function tryMethod(setting: Omit<ViewSetting, 'tree' | 'inPlace'>): Promise<string | undefined> {
  const tree = join(setting.directory, 'probe');
  try {
    await mkdir(join(tree, 'folder'), { recursive: true });
    await writeFile(join(tree, 'folder', 'file'), 'original');
    await mkdir(join(tree, 'readonly'), { mode: 0o555 });
    await using view = await openView({ ...setting, tree, inPlace: false });
    const result = await view.run(['/bin/sh', '-c', PROBE_SCRIPT], {
      signal: AbortSignal.timeout(PROBE_MS),
      timeoutMs: PROBE_MS,
    });
    if (result.end.by !== 'exit' || result.end.code !== 0) {
      return firstLine(result.stderr.tail()) || `the trial ended by ${JSON.stringify(result.end)}`;
    }
    const answer = await readFile(join(view.outDirectory, 'answer'), 'utf8').catch(() => '');
    if (answer !== 'done\n') return 'what was built did not come out';
    const original = await readFile(join(tree, 'folder', 'file'), 'utf8').catch(() => '');
    return original === 'original' ? undefined : 'a build changed the tree below it';
  } catch (thrown) {
    return firstLine(messageOf(thrown).replace(NOT_STARTED, ''));
  } finally {
    await removeTree(tree);
  }
}

function describe(
  method: Method,
  refusals: readonly { readonly method: Method; readonly reason: string }[],
): string {
  const reasonOf = (jail: string, layering: string): string =>
    refusals.find((each) => each.method.jail === jail && each.method.layering === layering)?.reason ??
    'not tried';
  if (method.jail === 'bubblewrap') {
    return method.layering === 'overlay'
      ? 'overlay over bubblewrap'
      : `copy under bubblewrap (overlay refused here: ${reasonOf('bubblewrap', 'overlay')})`;
  }
  const noBubblewrap = `no bubblewrap: ${reasonOf('bubblewrap', 'copy')}`;
  return method.layering === 'overlay'
    ? `overlay under unshare, ${noBubblewrap}`
    : `copy under unshare, ${noBubblewrap} (overlay refused here: ${reasonOf('unshare', 'overlay')})`;
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 300);
}
