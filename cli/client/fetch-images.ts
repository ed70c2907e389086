import { showBytes } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import type { FinishedBuild } from './build-answer.ts';
import type { BuildClient } from './build-client.ts';
import { imagesWorthHaving } from './choose-images.ts';
import { type DownloadedImage, downloadImage } from './download-image.ts';

/** Downloads and checks images of a finished build, telling each. @param all also those few people need. */
export async function fetchImages(
  client: BuildClient,
  build: FinishedBuild,
  options: { readonly directory: string; readonly all: boolean },
  terminal: Pick<Terminal, 'line' | 'paint'> | undefined,
  signal: AbortSignal,
): Promise<readonly DownloadedImage[]> {
  const chosen = options.all ? build.images : imagesWorthHaving(build.images);
  const downloaded: DownloadedImage[] = [];
  for (const image of chosen) {
    const file = await downloadImage(client, build.bin_dir, image, options.directory, signal);
    downloaded.push(file);
    terminal?.line(
      `  ${terminal.paint('green', '✓')} ${image.type}, ${image.filesystem ?? 'no filesystem'}, ` +
        `${showBytes(file.sizeBytes)}, sha256 as promised\n    ${file.path}`,
    );
  }
  const left = build.images.length - chosen.length;
  if (left > 0) terminal?.line(`    ${left} more of other kinds; \`wrtfarm build --all\` takes all`);
  return downloaded;
}
