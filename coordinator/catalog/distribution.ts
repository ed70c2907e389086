import { type Static, Type } from 'typebox';
import { PROFILE_PATTERN } from '../../shared/domain/build-spec.ts';
import { DISTRO_PATTERN, TARGET_PATTERN, VERSION_PATTERN } from '../../shared/domain/builder.ts';

/*
 * A distribution as data: one JSON file each, those of the product in `distros/`. Unknown fields are refused.
 */

const CLOSED = { additionalProperties: false };
const PLAIN_NAME = '^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$';
/** A package name in which one `*` stands for any text. */
const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.+-]*\\*?[A-Za-z0-9_.+-]*$';
/** A build travels as one NATS message (1 MiB), so its script cannot be longer than this, characters. */
const LONGEST_DEFAULTS = 65_536;

const BranchSchema = Type.Object(
  {
    name: Type.String({ pattern: VERSION_PATTERN }),
    /** Default true. */
    enabled: Type.Optional(Type.Boolean()),
    /** Whether its one version is its own name, without releases. Default false. */
    snapshot: Type.Optional(Type.Boolean()),
    /** Upstream folder of a version; `{version}` stands for the version. */
    path: Type.String({ pattern: '^[a-z]+(/\\{version\\})?$' }),
    /** Revision number at which it left main; only package changes up to it apply. Default: all do. */
    branchOffRevision: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  CLOSED,
);

/** A package that was renamed (`target`) or dropped (without) at a revision; clients are told these too. */
const PackageChangeSchema = Type.Object(
  {
    source: Type.String({ pattern: PLAIN_NAME }),
    target: Type.Optional(Type.String({ pattern: PLAIN_NAME })),
    revision: Type.Integer({ minimum: 0 }),
    mandatory: Type.Optional(Type.Boolean()),
  },
  CLOSED,
);
export type PackageChange = Readonly<Static<typeof PackageChangeSchema>>;

/** What a request's packages become for some builds: every condition given must hold. Applied in the file's order. */
const PackageRuleSchema = Type.Object(
  {
    why: Type.String({ minLength: 1 }),
    /** Names of branches, with their candidates and snapshots. */
    branches: Type.Optional(Type.Array(Type.String())),
    /** Name of a branch: it and all that stand before it in `branches`, which are newer. */
    since: Type.Optional(Type.String()),
    targets: Type.Optional(Type.Array(Type.String({ pattern: TARGET_PATTERN }))),
    profiles: Type.Optional(Type.Array(Type.String({ pattern: PROFILE_PATTERN }))),
    /** Names to leave out; one `*` stands for any text. */
    drop: Type.Optional(Type.Array(Type.String({ pattern: NAME_PATTERN }))),
    /** New name by old name; a `*` in both stands for the same text. */
    rename: Type.Optional(
      Type.Record(Type.String({ pattern: NAME_PATTERN }), Type.String({ pattern: NAME_PATTERN })),
    ),
    /** Names to add, where upstream has them and the client does not leave them out. */
    add: Type.Optional(Type.Array(Type.String({ pattern: PLAIN_NAME }))),
  },
  CLOSED,
);
export type PackageRule = Readonly<Static<typeof PackageRuleSchema>>;

/** A distribution's file. */
export const DistributionSchema = Type.Object(
  {
    /** What clients send as `distro`, and the first word of its archives' names. */
    name: Type.String({ pattern: DISTRO_PATTERN }),
    /** Where these facts are from. */
    source: Type.Optional(Type.String()),
    /** URL of the mirror's root. */
    upstream: Type.String({ pattern: '^https?://[^\\s]+$' }),
    limits: Type.Object(
      {
        /** Longest first-boot script, characters. */
        maxDefaultsLength: Type.Integer({ minimum: 0, maximum: LONGEST_DEFAULTS }),
        /** Largest root filesystem a client may ask for, MiB. */
        maxRootfsSizeMb: Type.Integer({ minimum: 1, maximum: 1_048_576 }),
      },
      CLOSED,
    ),
    /** Newest first. */
    branches: Type.Array(BranchSchema, { minItems: 1 }),
    packageChanges: Type.Array(PackageChangeSchema),
    packageRules: Type.Array(PackageRuleSchema),
  },
  CLOSED,
);
export type DistributionFile = Static<typeof DistributionSchema>;

/** What a request of a distribution may ask for. */
export type RequestLimits = Readonly<DistributionFile['limits']>;

/** A line of releases, as clients are told about it. Field names travel on the wire. */
export interface Branch {
  readonly name: string;
  readonly enabled: boolean;
  readonly snapshot: boolean;
  /** Upstream folder of a version; `{version}` stands for the version. */
  readonly path: string;
  /** Required by auc, used by nobody. */
  readonly path_packages: 'DEPRECATED';
  /** Revision number at which the branch left main. */
  readonly branch_off_rev?: number;
  readonly package_changes: readonly PackageChange[];
}

/** An OpenWrt or a relative of it: what is built of it, where its upstream is and how its packages changed. */
export interface Distribution {
  readonly name: string;
  /** URL of the mirror's root. */
  readonly upstream: string;
  readonly limits: RequestLimits;
  /** Newest first. */
  readonly branches: readonly Branch[];
  readonly packageRules: readonly PackageRule[];
}

/** The distribution that a file describes. */
export function distributionOf(file: DistributionFile): Distribution {
  return {
    name: file.name,
    upstream: file.upstream,
    limits: file.limits,
    branches: file.branches.map((branch) => branchFrom(branch, file.packageChanges)),
    packageRules: file.packageRules,
  };
}

/** What the schema cannot say, one line each; empty when all is well. */
export function contradictionsOf(file: DistributionFile): readonly string[] {
  const names = file.branches.map((branch) => branch.name);
  const problems = names
    .filter((name, at) => names.indexOf(name) !== at)
    .map((name) => `branch ${name} is there twice`);
  for (const [at, { snapshot, path }] of file.branches.entries()) {
    if (!snapshot && !path.includes('{version}')) {
      problems.push(`/branches/${at}/path: a branch of releases needs {version}`);
    }
  }
  for (const [at, rule] of file.packageRules.entries()) {
    for (const name of [...(rule.branches ?? []), ...(rule.since ? [rule.since] : [])]) {
      if (!names.includes(name)) problems.push(`/packageRules/${at}: there is no branch ${name}`);
    }
    for (const [from, to] of Object.entries(rule.rename ?? {})) {
      if (to.includes('*') && !from.includes('*')) {
        problems.push(`/packageRules/${at}/rename: ${to} has a * and ${from} has none`);
      }
    }
  }
  return problems;
}

function branchFrom(branch: DistributionFile['branches'][number], changes: readonly PackageChange[]): Branch {
  const { branchOffRevision: branchOff } = branch;
  return {
    name: branch.name,
    enabled: branch.enabled ?? true,
    snapshot: branch.snapshot ?? false,
    path: branch.path,
    path_packages: 'DEPRECATED',
    ...(branchOff === undefined ? {} : { branch_off_rev: branchOff }),
    package_changes:
      branchOff === undefined ? changes : changes.filter((change) => change.revision <= branchOff),
  };
}
