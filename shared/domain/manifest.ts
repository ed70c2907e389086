/** Installed packages by name. */
export type Manifest = Readonly<Record<string, string>>;

/** Reads `name - version` lines; a version may hold further dashes (ImageBuilder, `make manifest`). Other lines are passed over. */
export function parseManifest(text: string): Manifest {
  const manifest: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(' - ');
    if (at > 0) manifest[line.slice(0, at).trim()] = line.slice(at + 3).trim();
  }
  return manifest;
}
