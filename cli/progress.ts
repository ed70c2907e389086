/** Where in the whole a stage begins, in [0, 1): by what a cold build of a small image takes. */
const STAGE_STARTS: readonly (readonly [stage: string, start: number])[] = [
  ['queued', 0],
  ['init', 0.05],
  ['container_setup', 0.1],
  ['validate_revision', 0.3],
  ['validate_manifest', 0.35],
  ['building_image', 0.55],
  ['done', 1],
];
/** After this long, milliseconds, a stage has gone most of the way to the next one. */
const STAGE_MS = 10_000;

/** How far a build is, in [0, 1]: nears the next stage's beginning with time and never reaches it. Unknown stages are at 0. */
export function fractionOf(stage: string, inStageMs: number): number {
  const index = STAGE_STARTS.findIndex(([name]) => name === stage);
  const [, start = 0] = STAGE_STARTS[index] ?? [];
  const [, end = start] = STAGE_STARTS[index + 1] ?? [];
  if (index < 0) return 0;
  return start + (end - start) * (1 - Math.exp(-inStageMs / STAGE_MS)) * 0.95;
}

/** A bar of `width` characters, drawn to an eighth of a character. */
export function drawBar(fraction: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = eighths % 8 === 0 ? '' : (' ▏▎▍▌▋▊▉'[eighths % 8] ?? '');
  return ('█'.repeat(full) + part).padEnd(width, '░');
}

/** A stage in plain words: `building image`. */
export function stageWords(stage: string): string {
  const words: Readonly<Record<string, string>> = {
    queued: 'waiting for an agent',
    init: 'handed to an agent',
    container_setup: 'preparing the builder',
    validate_revision: 'checking the revision',
    validate_manifest: 'resolving packages',
    building_image: 'building the image',
  };
  return words[stage] ?? stage.replaceAll('_', ' ');
}

/** `640 ms`, `3.4 s`, `2 min 5 s`. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `512 B`, `7.3 MiB`. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
