import { BuildJsonSchema } from '../../../../coordinator/artifacts/sealed-build.ts';
import { sha256Hex } from '../../../../shared/digest.ts';
import { BUILD_LOG_NAME } from '../../../../shared/domain/artifact.ts';
import { parseJsonAs } from '../../../../shared/schema.ts';
import type { Results } from '../results/results.ts';
import type { Finding } from './finding.ts';
import { inParallel } from './in-parallel.ts';

/** An artifact store, and the coordinators that serve it. */
export interface ServedStore {
  readonly results: Pick<Results, 'buildJsons'>;
  readonly urls: readonly string[];
}

/** Every file of every result is served with the bytes `build.json` promises, and all of them come from one attempt. */
export async function auditFiles(store: ServedStore): Promise<Finding> {
  const problems: string[] = [];
  let looked = 0;
  await inParallel([...(await store.results.buildJsons())], 8, async ([folder, text]) => {
    const json = parseJsonAs(BuildJsonSchema, text, `build.json of ${folder}`);
    const markers = new Map<string, string>();
    for (const artifact of json.artifacts) {
      const url = store.urls[looked % store.urls.length];
      looked += 1;
      const where = `${folder.slice(0, 12)}/${artifact.name}`;
      const { status, bytes } = await download(`${url}/store/${folder}/${artifact.name}`);
      if (status !== 200) problems.push(`${where}: served with ${status}`);
      else if (sha256Hex(bytes) !== artifact.sha256)
        problems.push(`${where}: other bytes than build.json says`);
      if (status !== 200) continue;
      for (const marker of markersIn(artifact.name, bytes)) markers.set(marker, artifact.name);
    }
    if (json.outcome === 'done') markers.set(String(json.answer.attempt_marker), 'its answer');
    const { manifest } = json.answer as { manifest?: Record<string, string> };
    if (manifest?.['attempt-marker']) markers.set(manifest['attempt-marker'], 'its manifest');
    if (json.outcome === 'done' && markers.size !== 1) {
      problems.push(`${folder.slice(0, 12)}: a mix of attempts: ${[...markers.values()].join(', ')}`);
    }
  });
  return { check: 'served files are those of build.json and of one attempt', looked, problems };
}

/** Status 0 for what breaks off. */
async function download(url: string): Promise<{ readonly status: number; readonly bytes: Buffer }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  } catch {
    return { status: 0, bytes: Buffer.alloc(0) };
  }
}

/** The attempts a file tells of; see `buildLightArchive`. */
function markersIn(name: string, bytes: Buffer): readonly string[] {
  const lines = bytes.toString().split('\n');
  if (name.endsWith('.bin')) {
    // The last line is cut where the file is full.
    return [...new Set(lines.slice(0, -1).map((line) => line.split(' ')[0] ?? ''))];
  }
  if (name === 'profiles.json') return [String(JSON.parse(bytes.toString()).attempt_marker)];
  if (name === BUILD_LOG_NAME) {
    const told = lines.filter((line) => line.startsWith('attempt marker '));
    return [...new Set(told.map((line) => line.slice('attempt marker '.length)))];
  }
  return [];
}
