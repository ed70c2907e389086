import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import type { WireReply } from '../wire.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import { arrayIn, asTable, parseTable, type Table } from './typed.ts';
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

/** Far below owut's 2000 ms, so that tests need not wait. */
const POLL_MS = 100;

/** owut as far as the server sees it (contract 1.1): `owut upgrade -V <version>`. */
export class Owut {
  readonly #server: string;
  readonly #device: Device;
  readonly #age: OwutAge;
  readonly http: Uclient;

  /** @param server as configured, with or without a slash at its end. */
  constructor(server: string, device: Device, age: OwutAge) {
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
    const { branch, directory } = findBranch(overview, version, this.#device);
    const upstream = String(overview.upstream_url ?? 'https://downloads.openwrt.org');
    const platform = await this.#json(`${upstream}/${directory}/targets/${target}/profiles.json`);
    const profile = this.#profile(platform);
    const architecture = String(platform.arch_packages);
    const feeds = await this.#json(
      `${this.#server}/json/v1/${directory}/packages/${architecture}-index.json`,
    );
    const own = await this.#json(`${this.#server}/json/v1/${directory}/targets/${target}/index.json`);
    // A page with names of packages that failed to build; its absence is the good case.
    await this.http.get(`${upstream}/${directory}/faillogs/${architecture}/`);
    const available = { ...feeds, ...asTable(own.packages) };
    const wanted = this.#wanted(branch, String(platform.version_code), available);

    const shown: string[] = [];
    const { version_code: versionCode } = platform;
    const done = await this.#build(this.#request(version, profile, String(versionCode), wanted), shown);
    return { ...(await this.#take(done, String(versionCode), wanted)), shown };
  }

  #profile(platform: Table): string {
    const { boardName = 'generic' } = this.#device;
    const name = boardName.replaceAll(',', '_');
    const profiles = asTable(platform.profiles) ?? {};
    if (name in profiles) return name;
    const alias = Object.entries(profiles).find(([, each]) =>
      arrayIn(asTable(each), 'supported_devices')?.includes(boardName),
    );
    const found = alias?.[0] ?? ('generic' in profiles ? 'generic' : undefined);
    if (found === undefined) throw new ClientFailure(`Board ${name} is not supported`);
    return found;
  }

  /** Installed packages after the branch's changes, with the versions the indexes have. */
  #wanted(branch: Table, versionCode: string, available: Table): Readonly<Record<string, string>> {
    const revision = Number(/^r(\d+)/.exec(versionCode)?.[1]);
    const names = new Set(this.#device.packages);
    for (const change of branch.package_changes as { source: string; target?: string; revision: number }[]) {
      if (change.revision > revision || !names.delete(change.source)) continue;
      if (change.target !== undefined) names.add(change.target);
    }
    const missing = [...names].filter((name) => typeof available[name] !== 'string');
    if (missing.length > 0) throw new ClientFailure(`missing to-version: ${missing.join(', ')}`);
    return Object.fromEntries([...names].map((name) => [name, String(available[name])]));
  }

  #request(version: string, profile: string, versionCode: string, wanted: Readonly<Record<string, string>>) {
    return {
      client: `owut/${this.#age.release}`,
      target: this.#device.target,
      profile,
      version,
      version_code: versionCode,
      filesystem: this.#device.filesystem,
      diff_packages: true,
      ...(this.#age.pinsVersions ? { packages_versions: wanted } : { packages: Object.keys(wanted) }),
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
    wanted: Readonly<Record<string, string>>,
  ): Promise<Omit<UpgradeResult, 'shown'>> {
    const request = asTable(done.request);
    // ucode throws over a field of what is not there.
    if (!request) throw new TypeError('left-hand side expression is null: request.version_code');
    for (const key of ['version_code', 'rootfs_size_mb', 'defaults']) {
      if (!(key in request)) throw new ClientFailure(`request.${key} is not there`);
    }
    if (done.version_code !== versionCode) throw new ClientFailure('Firmware revision mismatch');
    const manifest = asTable(done.manifest) ?? {};
    const deviating = Object.entries(wanted).filter(([name, version]) => manifest[name] !== version);
    if (deviating.length > 0) {
      const list = deviating.map(([name, version]) => `${name} ${version} vs. ${manifest[name]}`);
      throw new ClientFailure(`packages not as requested: ${list.join(', ')}`);
    }
    const type = this.#device.target.startsWith('x86')
      ? this.#device.efi
        ? 'combined-efi'
        : 'combined'
      : 'sysupgrade';
    const images = done.images as { filesystem: string; type: string; name: string; sha256: string }[];
    const image = images.find((each) => each.filesystem === this.#device.filesystem && each.type === type);
    if (!image) throw new ClientFailure('Could not locate an image for your device');
    const reply = await this.http.get(`${this.#server}/store/${done.bin_dir}/${image.name}`);
    if (reply.status !== 200) throw new ClientFailure(`Response status ${reply.status} while downloading`);
    if (sha256Hex(reply.bytes) !== image.sha256) throw new ClientFailure('checksum mismatch');
    return { bytes: reply.bytes, name: image.name, sha256: image.sha256 };
  }

  async #json(url: string): Promise<Table> {
    const reply = await this.http.get(url);
    if (reply.status !== 200)
      throw new ClientFailure(`Response status ${reply.status} while downloading ${url}`);
    return reply.json;
  }
}

function findBranch(overview: Table, version: string, device: Device): { branch: Table; directory: string } {
  const branches = asTable(overview.branches);
  const running = /^\d+\.\d+/.exec(device.version)?.[0] ?? device.version;
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
