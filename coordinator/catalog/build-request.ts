import type { Filesystem } from '../../shared/domain/build-spec.ts';

/** What a client asked for, well-formed but not yet compared with what upstream offers. */
export interface BuildRequest {
  readonly distro: string;
  readonly version: string;
  /** The revision the client insists on, or empty. */
  readonly versionCode: string;
  readonly target: string;
  /** Commas already replaced by underscores; null when the client gave none. */
  readonly profile: string | null;
  readonly packages: readonly string[];
  /** When not empty, its keys are the packages. */
  readonly packagesVersions: Readonly<Record<string, string>>;
  readonly diffPackages: boolean;
  /** May hold secrets: never logged, never answered. */
  readonly defaults: string | null;
  readonly rootfsSizeMb: number | null;
  readonly filesystem: Filesystem | null;
  readonly repositories: Readonly<Record<string, string>>;
  readonly repositoriesMode: 'append' | 'replace';
  readonly repositoryKeys: readonly string[];
  /** What the client calls itself. */
  readonly client: string | null;
}
