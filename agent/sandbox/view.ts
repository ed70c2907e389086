import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { launchCommand, type Method } from './launch.ts';
import { hostEntries, viewEntries } from './mount-plan.ts';
import { notStarted } from './not-started.ts';
import { type ProcessResult, runProcess } from './run-process.ts';
import type { RunOptions, View } from './sandbox.ts';
import { copyTree, isDiskFull, removeTree, TOOL_ENVIRONMENT } from './tree.ts';

export interface ViewSetting {
  readonly method: Method;
  readonly isRoot: boolean;
  /** Folder below which each view gets one of its own. */
  readonly directory: string;
  /** Folder that holds the `passwd` and `group` builds see. */
  readonly etcDirectory: string;
  /** The environment of everything that runs inside. */
  readonly environment: Readonly<Record<string, string>>;
  /** The tree a view is of. */
  readonly tree: string;
  /** The view is the tree itself. */
  readonly inPlace: boolean;
}

/** One segment of a path that is plainly below its place. */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._+-]{1,200}$/;
/** How long a jail may take to end after what is in it was killed. */
const KILL_AFTER_MS = 5_000;

/**
 * Makes the folder of a view: `out`, `files` and two FIFOs for output; `upper`, `work`, `lower` and `merged` of an overlay, or
 * `tree`, the copy; `root`, where `unshare` builds.
 * @throws FarmError `infrastructure` when the disk fails; `cancelled`. Nothing is left then.
 */
export async function openView(setting: ViewSetting, signal?: AbortSignal): Promise<View> {
  const directory = join(setting.directory, `view-${randomBytes(8).toString('hex')}`);
  try {
    await mkdir(directory, { recursive: true });
    for (const name of ['out', 'files', 'root', 'upper', 'work', 'lower', 'merged', 'tree']) {
      await mkdir(join(directory, name), { mode: 0o755 });
    }
    // An overlay shows the mode of its upper folder; mkdir's is subject to the agent's umask.
    for (const name of ['out', 'files', 'upper']) await chmod(join(directory, name), 0o755);
    await makeFifos(directory);
    if (!setting.inPlace && setting.method.layering === 'copy') {
      await copyTree(setting.tree, join(directory, 'tree'), signal);
    }
  } catch (thrown) {
    await removeTree(directory).catch(() => undefined);
    throw asDiskError(thrown, `could not open a view of ${setting.tree}`);
  }
  return new SandboxView(setting, directory);
}

class SandboxView implements View {
  readonly #setting: ViewSetting;
  readonly #directory: string;
  #hasFiles = false;

  constructor(setting: ViewSetting, directory: string) {
    this.#setting = setting;
    this.#directory = directory;
  }

  get outDirectory(): string {
    return join(this.#directory, 'out');
  }

  async write(place: 'builder' | 'files', relativePath: string, text: string): Promise<void> {
    const segments = relativePath.split('/');
    const name = segments.pop();
    if (name === undefined || ![...segments, name].every((segment) => SEGMENT.test(segment))) {
      throw new FarmError('invalid_request', `${JSON.stringify(relativePath)} is not a path below ${place}`);
    }
    const { base, below } = this.#placeOf(place);
    try {
      let folder = base;
      let shown = below;
      for (const segment of segments) {
        folder = join(folder, segment);
        shown = join(shown, segment);
        await makeFolder(folder, shown);
      }
      const path = join(folder, name);
      await refuseOther(join(shown, name), 'file');
      await refuseOther(path, 'file');
      await writeFile(path, text);
      await chmod(path, 0o644);
    } catch (thrown) {
      throw asDiskError(thrown, `could not write ${relativePath}`);
    }
    if (place === 'files') this.#hasFiles = true;
  }

  async run(argv: readonly [string, ...string[]], options: RunOptions): Promise<ProcessResult> {
    const result = await runProcess(this.#launch(argv), {
      env: this.#setting.environment,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      killAfterMs: KILL_AFTER_MS,
      isJail: true,
      fifos: fifosOf(this.#directory),
      ...(options.onStdout ? { onStdout: options.onStdout } : {}),
      ...(options.onStderr ? { onStderr: options.onStderr } : {}),
      ...(options.tailBytes === undefined ? {} : { tailBytes: options.tailBytes }),
    });
    if (!result.started && result.end.by !== 'abort') {
      throw notStarted(result);
    }
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.#directory);
  }

  /** Where the agent writes, and the folder whose contents show through there. */
  #placeOf(place: 'builder' | 'files'): { base: string; below: string } {
    if (place === 'files') {
      const files = join(this.#directory, 'files');
      return { base: files, below: files };
    }
    if (this.#setting.inPlace) return { base: this.#setting.tree, below: this.#setting.tree };
    if (this.#setting.method.layering === 'overlay') {
      return { base: join(this.#directory, 'upper'), below: this.#setting.tree };
    }
    const copy = join(this.#directory, 'tree');
    return { base: copy, below: copy };
  }

  #launch(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
    const { method, isRoot, etcDirectory, tree, inPlace } = this.#setting;
    const isOverlay = !inPlace && method.layering === 'overlay';
    const builder = inPlace ? tree : join(this.#directory, isOverlay ? 'merged' : 'tree');
    const files = this.#hasFiles ? join(this.#directory, 'files') : undefined;
    return launchCommand({
      method,
      isRoot,
      command,
      rootDirectory: join(this.#directory, 'root'),
      overlay: isOverlay ? { viewDirectory: this.#directory, tree } : undefined,
      entries: [...hostEntries(etcDirectory), ...viewEntries({ builder, out: this.outDirectory, files })],
    });
  }
}

function fifosOf(directory: string): { readonly stdout: string; readonly stderr: string } {
  return { stdout: join(directory, 'stdout'), stderr: join(directory, 'stderr') };
}

async function makeFifos(directory: string): Promise<void> {
  const { stdout, stderr } = fifosOf(directory);
  const result = await runProcess(['mkfifo', '--mode=600', '--', stdout, stderr], { env: TOOL_ENVIRONMENT });
  if (result.end.by !== 'exit' || result.end.code !== 0) {
    throw new FarmError(
      'infrastructure',
      `could not make pipes in ${directory}: ${result.stderr.tail().trim()}`,
      {
        details: { breakage: isDiskFull(result.stderr.tail()) ? 'disk' : 'sandbox' },
      },
    );
  }
}

/** A folder of the view, with the mode it has in the tree: what lies above in an overlay is what builds see. */
async function makeFolder(path: string, shown: string): Promise<void> {
  await refuseOther(shown, 'folder');
  await refuseOther(path, 'folder');
  const mode = (await lstat(shown).catch(() => undefined))?.mode ?? 0o755;
  await mkdir(path, { recursive: true });
  await chmod(path, mode & 0o7777);
}

/** Links of an unpacked tree must not lead the agent's own writes elsewhere. */
async function refuseOther(path: string, kind: 'file' | 'folder'): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found && !(kind === 'file' ? found.isFile() : found.isDirectory())) {
    throw new FarmError('invalid_request', `${path} is no plain ${kind}`);
  }
}

function asDiskError(thrown: unknown, what: string): FarmError {
  if (thrown instanceof FarmError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  const isDisk = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS';
  return new FarmError('infrastructure', `${what}: ${messageOf(thrown)}`, {
    cause: thrown,
    details: { breakage: isDisk ? 'disk' : 'sandbox' },
  });
}
