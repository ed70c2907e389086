import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findArchive, targetPath } from '../../../shared/domain/builder.ts';
import { FarmError } from '../../../shared/errors.ts';
import { MINI_VERSIONS } from './mini-versions.ts';

export interface MakeResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An unpacked ImageBuilder whose feeds point at a mirror. */
export interface UnpackedImageBuilder {
  readonly directory: string;
  /** `<directory>/out`: where `image` writes, emptied before each. */
  readonly binDirectory: string;
  /** Runs make with a clean environment; variables as arguments: `PACKAGES=tmux luci`. */
  make(goal: string, ...variables: string[]): Promise<MakeResult>;
  /** `make image` into an empty `binDirectory`. */
  image(...variables: string[]): Promise<MakeResult>;
  /** Text of a file, by its path in the directory. */
  read(path: string): Promise<string>;
  /** Names in `binDirectory`, sorted. */
  outputs(): Promise<string[]>;
}

/** Fetches the ImageBuilder of a version and target from the mirror at `url` and unpacks it into a folder of its own below `parent`. */
export async function unpackImageBuilder(
  url: string,
  version: string,
  target: string,
  parent: string,
): Promise<UnpackedImageBuilder> {
  const versionPath = MINI_VERSIONS.find((each) => each.version === version)?.path ?? '';
  const folder = `${url}/${targetPath({ versionPath, target })}`;
  const sums = await (await fetch(`${folder}/sha256sums`)).text();
  const archive = findArchive(sums, { distro: 'openwrt', version, target });
  if (!archive) throw new FarmError('not_found', `${folder}/sha256sums names no ImageBuilder`);

  const directory = join(parent, `${version}-${target.replace('/', '-')}-${(await readdir(parent)).length}`);
  await mkdir(directory);
  const packed = `${directory}.${archive.name}`;
  await writeFile(packed, Buffer.from(await (await fetch(`${folder}/${archive.name}`)).arrayBuffer()));
  await run('tar', ['-xf', packed, '-C', directory, '--strip-components=1'], directory);
  await rewriteFeeds(directory, url);
  return imageBuilder(directory);
}

async function rewriteFeeds(directory: string, url: string): Promise<void> {
  const [name = ''] = (await readdir(directory)).filter((each) => each.startsWith('repositories'));
  const file = join(directory, name);
  await writeFile(file, (await readFile(file, 'utf8')).replaceAll('https://downloads.openwrt.org', url));
}

function imageBuilder(directory: string): UnpackedImageBuilder {
  const binDirectory = join(directory, 'out');
  const make = (goal: string, ...variables: string[]) => run('make', [goal, ...variables], directory);
  return {
    directory,
    binDirectory,
    make,
    image: async (...variables) => {
      await rm(binDirectory, { recursive: true, force: true });
      return make('image', `BIN_DIR=${binDirectory}`, ...variables);
    },
    read: (path) => readFile(join(directory, path), 'utf8'),
    outputs: async () => (await readdir(binDirectory)).sort(),
  };
}

/** Runs a program with nothing in its environment but PATH. Resolves whatever its exit code. */
export async function run(program: string, args: readonly string[], directory: string): Promise<MakeResult> {
  const child = spawn(program, args, {
    cwd: directory,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stdout, stderr };
}
