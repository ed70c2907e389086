import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MiniUpstream, startMiniUpstream } from './start-mini-upstream.ts';
import { type UnpackedImageBuilder, unpackImageBuilder } from './unpacked-imagebuilder.ts';

/** A miniature upstream in a temporary folder, and ImageBuilders unpacked from it. */
export interface ImageBuilderFixture extends AsyncDisposable {
  readonly upstream: MiniUpstream;
  unpack(version: string, target: string): Promise<UnpackedImageBuilder>;
}

/** Starts it with one version and target, to be quick. Disposing it removes everything. */
export async function startImageBuilderFixture(
  version: string,
  target: string,
): Promise<ImageBuilderFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'mini-imagebuilder-'));
  const parent = join(directory, 'builders');
  await mkdir(parent);
  const upstream = await startMiniUpstream({ directory, versions: [version], targets: [target] });
  return {
    upstream,
    unpack: (...builder) => unpackImageBuilder(upstream.url, ...builder, parent),
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
