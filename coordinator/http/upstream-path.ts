/** What a path below `/json/` asks for (contract 2.9). */
export type UpstreamPath =
  | { readonly kind: 'target index'; readonly folder: string; readonly target: string }
  | { readonly kind: 'architecture index'; readonly folder: string; readonly architecture: string }
  | {
      readonly kind: 'profile';
      readonly isOf2021: boolean;
      readonly folder: string;
      readonly target: string;
      readonly profile: string;
    };

/**
 * Reads `[v1/]{folder}/targets/{target}/{subtarget}/index.json`, `…/{profile}.json` and
 * `[v1/]{folder}/packages/{arch}-index.json`; undefined for what is none of them. The folder is that of a version:
 * `releases/24.10.4`. Clients of 2021 leave the `v1` out.
 */
export function parseUpstreamPath(path: string): UpstreamPath | undefined {
  const local = path.replace(/^v1\//, '');
  const [, root, architecture] = /^(.+)\/packages\/([^/]+)-index\.json$/.exec(local) ?? [];
  if (root && architecture) return { kind: 'architecture index', folder: root, architecture };
  const [, folder, target, profile] = /^(.+)\/targets\/([^/]+\/[^/]+)\/([^/]+)\.json$/.exec(local) ?? [];
  if (!folder || !target || !profile) return undefined;
  if (profile === 'index') return { kind: 'target index', folder, target };
  return { kind: 'profile', isOf2021: local === path, folder, target, profile };
}
