/** A branch as the overview tells it. */
export interface OfferedBranch {
  readonly name: string;
  readonly enabled: boolean;
  readonly snapshot?: boolean;
  /** Upstream folder of a version; `{version}` stands for the version. */
  readonly path: string;
  /** Newest first. */
  readonly versions: readonly string[];
}

/** What the overview says, as far as other answers are made of it. */
export interface Offered {
  readonly latest: readonly string[];
  readonly branches: readonly OfferedBranch[];
  /** The mirror that clients are sent to. */
  readonly upstreamUrl: string;
  /** Versions by upstream folder: `releases/24.10.4` → `24.10.4`. */
  readonly versionOf: ReadonlyMap<string, string>;
  /** Upstream folders by version. */
  readonly pathOf: ReadonlyMap<string, string>;
}

interface OverviewJson {
  readonly latest: readonly string[];
  readonly branches: Readonly<Record<string, OfferedBranch>>;
  readonly upstream_url: string;
}

/** Reads the overview, once for each of its bytes. */
export class OfferedPaths {
  readonly #overview: () => Promise<Buffer>;
  #read: { readonly from: Buffer; readonly offered: Offered } | undefined;

  /** @param overview gives the same object for as long as nothing changes. */
  constructor(overview: () => Promise<Buffer>) {
    this.#overview = overview;
  }

  /** Throws what reading the overview throws. */
  async get(): Promise<Offered> {
    const bytes = await this.#overview();
    if (this.#read?.from !== bytes) this.#read = { from: bytes, offered: read(bytes) };
    return this.#read.offered;
  }
}

function read(bytes: Buffer): Offered {
  const overview = JSON.parse(bytes.toString('utf8')) as OverviewJson;
  const branches = Object.values(overview.branches);
  const paths = branches.flatMap(({ path, versions }) =>
    versions.map((version) => [path.replace('{version}', version), version] as const),
  );
  return {
    latest: overview.latest,
    branches,
    upstreamUrl: overview.upstream_url,
    versionOf: new Map(paths),
    pathOf: new Map(paths.map(([path, version]) => [version, path])),
  };
}
