import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import type { WireReply } from '../wire.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import { arrayIn, asTable, parseTable, type Table, textIn } from './typed.ts';
import { Uclient } from './uclient.ts';

/** How owut of a time differs from that of others. */
export interface OwutAge {
  readonly release: string;
  /** From 2026-03-30 on. */
  readonly followsRedirects: boolean;
  /** Whether it asks for packages with their versions: from January 2025 on. */
  readonly pinsVersions: boolean;
}

export const OWUT_2026: OwutAge = { release: '2026.07.08-r1', followsRedirects: true, pinsVersions: true };
export const OWUT_2024: OwutAge = { release: '2024.08.19-r1', followsRedirects: false, pinsVersions: false };

/** Left out of what it compares: the indexes did not always have them. */
const NEVER_COMPARED = ['kernel', 'libc', 'libgcc'];

/** Far below owut's 2000 ms, so that tests need not wait. */
const POLL_MS = 100;

export interface OwutOptions {
  /** `--rootfs-size`, MiB. */
  readonly rootfsSizeMb?: number;
  /** Text of `--init-script`. */
  readonly initScript?: string;
}

/** owut as far as the server sees it (contract 1.1): `owut upgrade -V <version>`. */
export class Owut {
  readonly #server: string;
  readonly #device: Device;
  readonly #age: OwutAge;
  readonly #options: OwutOptions;
  readonly http: Uclient;

  /** @param server as configured, with or without a slash at its end. */
  constructor(server: string, device: Device, age: OwutAge, options: OwutOptions = {}) {
    this.#options = options;
    this.#server = server.replace(/\/$/, '');
    this.#device = device;
    this.#age = age;
    this.http = new Uclient({
      userAgent: `owut/${age.release}`,
      followsRedirects: age.followsRedirects,
    });
  }

  async upgrade(version: string): Promise<UpgradeResult> {
    const { target } = this.#device;
    const overview = await this.#json(`${this.#server}/json/v1/overview.json`);
    this.#checkLimits(asTable(overview.server));
    const { branch, directory } = findBranch(overview, version, this.#device);
    const upstream = String(overview.upstream_url ?? 'https://downloads.openwrt.org');
    const platform = await this.#json(`${upstream}/${directory}/targets/${target}/profiles.json`);
    const profile = this.#profile(platform);
    const type = this.#typeOf(platform, profile);
    const architecture = String(platform.arch_packages);
    const feeds = await this.#index(`${directory}/packages/${architecture}-index.json`);
    const own = await this.#index(`${directory}/targets/${target}/index.json`);
    // A page with names of packages that failed to build; its absence is the good case.
    const faillogs = version === 'SNAPSHOT' ? 'snapshots/faillogs' : `releases/faillogs-${branchOf(version)}`;
    await this.http.get(`${upstream}/${faillogs}/${architecture}/`);
    const available = { ...feeds, ...asTable(own.packages) };
    const wanted = this.#wanted(branch, String(platform.version_code), available);

    const shown: string[] = [];
    const { version_code: versionCode } = platform;
    const done = await this.#build(this.#request(version, profile, String(versionCode), wanted), shown);
    return { ...(await this.#take(done, String(versionCode), wanted, type)), shown };
  }

  #checkLimits(server: Table | undefined): void {
    const { rootfsSizeMb = 0, initScript = '' } = this.#options;
    const largest = Number(server?.max_custom_rootfs_size_mb ?? 1024);
    if (rootfsSizeMb > largest) throw new ClientFailure(`${rootfsSizeMb} is above this server's maximum`);
    const longest = Number(server?.max_defaults_length ?? 20_480);
    if (Buffer.byteLength(initScript) > longest)
      throw new ClientFailure('the init script is over the maximum');
  }

  #profile(platform: Table): string {
    const { boardName = 'generic' } = this.#device;
    const name = boardName.replaceAll(',', '_');
    const profiles = asTable(platform.profiles) ?? {};
    if (name in profiles) return name;
    const alias = Object.entries(profiles).find(([, each]) =>
      arrayIn(asTable(each), 'supported_devices')?.some(
        (device) => String(device).replaceAll(',', '_') === name,
      ),
    );
    const found = alias?.[0] ?? ('generic' in profiles ? 'generic' : undefined);
    if (found === undefined) throw new ClientFailure(`Board ${name} is not supported`);
    return found;
  }

  /** The type of image to upgrade with, from what upstream publishes for the device. */
  #typeOf(platform: Table, profile: string): string {
    const { target, efi, filesystem } = this.#device;
    const published = arrayIn(asTable(asTable(platform.profiles)?.[profile]), 'images') as Image[];
    const images = published.filter(({ type }) => !type.includes('factory'));
    if (!images.some((each) => each.filesystem === filesystem)) {
      throw new ClientFailure(`File system type '${filesystem}' should be one of those published`);
    }
    const types = new Set(images.filter((each) => each.filesystem === filesystem).map(({ type }) => type));
    const isGeneric = /^(armsr|loongarch|x86)\//.test(target);
    const type = isGeneric ? `combined${efi ? '-efi' : ''}` : 'sysupgrade';
    const [only, ...others] = types;
    if (!isGeneric && !types.has(type) && only !== undefined && others.length === 0) return only;
    if (!types.has(type))
      throw new ClientFailure(`Sysupgrade type '${type}' should be one of those published`);
    return type;
  }

  /** Installed packages after the branch's changes, with the versions the indexes have; null where they have none. */
  #wanted(branch: Table, versionCode: string, available: Table): Wanted {
    const revision = Number(/^r(\d+)/.exec(versionCode)?.[1]);
    const names = new Set(this.#device.packages);
    const replacements = new Set<string>();
    for (const change of branch.package_changes as { source: string; target?: string; revision: number }[]) {
      if (change.revision > revision || !names.delete(change.source)) continue;
      if (change.target === undefined) continue;
      names.add(change.target);
      replacements.add(change.target);
    }
    const versions = [...names].map((name) => [name, textIn(available, name) ?? null] as const);
    const missing = versions.filter(([name, each]) => {
      return each === null && !NEVER_COMPARED.includes(name) && !replacements.has(name);
    });
    if (missing.length > 0) {
      throw new ClientFailure(`missing to-version: ${missing.map(([name]) => name).join(', ')}`);
    }
    return Object.fromEntries(versions);
  }

  /** With `packages_versions` where every version is known, and where that of the kernel or libc is not it is left out. */
  #request(version: string, profile: string, versionCode: string, wanted: Wanted) {
    const { rootfsSizeMb, initScript } = this.#options;
    const pinned = Object.entries(wanted).filter(([name, each]) => {
      return each !== null || !['kernel', 'libc'].includes(name);
    });
    const isKnown = pinned.every(([, each]) => each !== null);
    return {
      client: `owut/${this.#age.release}`,
      target: this.#device.target,
      profile,
      version,
      version_code: versionCode,
      filesystem: this.#device.filesystem,
      diff_packages: true,
      ...(this.#age.pinsVersions && isKnown
        ? { packages_versions: Object.fromEntries(pinned) }
        : { packages: Object.keys(wanted) }),
      ...(rootfsSizeMb === undefined ? {} : { rootfs_size_mb: rootfsSizeMb }),
      ...(initScript === undefined ? {} : { defaults: initScript }),
    };
  }

  async #build(request: unknown, shown: string[]): Promise<Table> {
    const url = `${this.#server}/api/v1/build`;
    const first = await this.http.post(url, request);
    const { request_hash: hash } = parseTable(first.text) ?? {};
    let usesHead = true;
    for (let reply = first; ; ) {
      const body = this.#read(reply, shown);
      if (body.status === 200) return body;
      if (reply.status !== 202) throw failure(body);
      await sleep(POLL_MS);
      const asked = usesHead ? await this.http.head(`${url}/${hash}`) : undefined;
      if (asked?.status === 405) usesHead = false;
      reply = asked?.status === 202 ? asked : await this.http.get(`${url}/${hash}`);
    }
  }

  /** The body; of a HEAD that says 202 what owut makes of its headers. */
  #read(reply: WireReply, shown: string[]): Table {
    if (reply.status !== 202) return parseTable(reply.text) ?? { detail: `Error: ${reply.text}` };
    const stage = reply.header('x-imagebuilder-status') ?? 'queued';
    const body = reply.bytes.length > 0 ? (parseTable(reply.text) ?? {}) : { status: 202, detail: stage };
    shown.push(stage === 'queued' ? `queued - ${reply.header('x-queue-position')} ahead of you` : stage);
    return body;
  }

  /** The image of a finished build, after all that owut looks at. */
  async #take(
    done: Table,
    versionCode: string,
    wanted: Wanted,
    type: string,
  ): Promise<Omit<UpgradeResult, 'shown'>> {
    const request = asTable(done.request);
    // ucode throws over a field of what is not there.
    if (!request) throw new TypeError('left-hand side expression is null: request.version_code');
    for (const key of ['version_code', 'rootfs_size_mb', 'defaults']) {
      if (!(key in request)) throw new ClientFailure(`request.${key} is not there`);
    }
    if (done.version_code !== versionCode) throw new ClientFailure('Firmware revision mismatch');
    const manifest = asTable(done.manifest) ?? {};
    const deviating = Object.entries(wanted).filter(([name, version]) => {
      return !NEVER_COMPARED.includes(name) && manifest[name] !== version;
    });
    if (deviating.length > 0) {
      const list = deviating.map(([name, version]) => `${name} ${version} vs. ${manifest[name]}`);
      throw new ClientFailure(`packages not as requested: ${list.join(', ')}`);
    }
    const images = done.images as Image[];
    const image = images.find((each) => each.filesystem === this.#device.filesystem && each.type === type);
    if (!image) throw new ClientFailure('Could not locate an image for your device');
    const reply = await this.http.get(`${this.#server}/store/${done.bin_dir}/${image.name}`);
    if (reply.status !== 200) throw new ClientFailure(`Response status ${reply.status} while downloading`);
    if (sha256Hex(reply.bytes) !== image.sha256) throw new ClientFailure('checksum mismatch');
    return { bytes: reply.bytes, name: image.name, sha256: image.sha256 };
  }

  /** Empty where it is not given: what then is missing is another question. */
  async #index(path: string): Promise<Table> {
    const reply = await this.http.get(`${this.#server}/json/v1/${path}`);
    return reply.status === 200 ? reply.json : {};
  }

  async #json(url: string): Promise<Table> {
    const reply = await this.http.get(url);
    if (reply.status !== 200)
      throw new ClientFailure(`Response status ${reply.status} while downloading ${url}`);
    return reply.json;
  }
}

interface Image {
  readonly filesystem: string;
  readonly type: string;
  readonly name: string;
  readonly sha256: string;
}

/** Versions by package; null where no index has it. */
type Wanted = Readonly<Record<string, string | null>>;

function branchOf(version: string): string {
  return /^\d+\.\d+/.exec(version)?.[0] ?? version;
}

function findBranch(overview: Table, version: string, device: Device): { branch: Table; directory: string } {
  const branches = asTable(overview.branches);
  const running = branchOf(device.version);
  if (!branches?.[running]) throw new TypeError('left-hand side expression is null: branches[running]');
  for (const each of Object.values(branches)) {
    const branch = asTable(each) ?? {};
    const targets = asTable(branch.targets) ?? {};
    if (('enabled' in branch && !branch.enabled) || Object.keys(targets).length === 0) continue;
    if (!Array.isArray(branch.versions) || !branch.versions.includes(version)) continue;
    if (!(device.target in targets)) continue;
    return { branch, directory: String(branch.path).replace('{version}', version) };
  }
  throw new ClientFailure(`Version-to ${version} is not available`);
}

function failure(body: Table): ClientFailure {
  const parts = [body.detail, body.error, body.stdout, body.stderr].filter((part) => part !== undefined);
  return new ClientFailure(`${parts.join('\n')}\nBuild failed with status ${body.status ?? ''}`);
}
