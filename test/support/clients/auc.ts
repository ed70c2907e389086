import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import type { WireReply } from '../wire.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import {
  arrayIn,
  asTable,
  integerIn,
  parseTable,
  type Table,
  tableIn,
  textIn as text,
  textsByKey,
  textsIn,
  truthIn,
} from './typed.ts';
import { Uclient } from './uclient.ts';

/** How auc of a time differs from that of others. */
export interface AucAge {
  readonly userAgent: string;
  /** Of lists, indexes and profiles. */
  readonly jsonRoot: string;
  readonly buildPath: string;
  /** Whether it asks for packages with their versions. */
  readonly pinsVersions: boolean;
  /**
   * Whether it skips branches without `updates`, `pubkey` and `repos`, and profiles whose source date is no text; and takes
   * images for `sysupgrade` of any file system, and no others.
   */
  readonly isOf2021: boolean;
}

export const AUC_0_3_2: AucAge = {
  userAgent: '/usr/sbin/auc/0.3.2-1',
  jsonRoot: '/json/v1',
  buildPath: '/api/v1/build',
  pinsVersions: true,
  isOf2021: false,
};
/** 0.1.5 to 0.2.4. */
export const AUC_OF_2021: AucAge = {
  userAgent: 'auc (0.2.2-4)',
  jsonRoot: '/json',
  buildPath: '/api/build',
  pinsVersions: false,
  isOf2021: true,
};

/** Far below auc's 2 s, so that tests need not wait. */
const POLL_MS = 100;
/** Bytes of its buffers for URLs. */
const MAX_URL_LENGTH = 255;

/** auc as far as the server sees it (contract 1.4): `auc -y -B <branch>`. Whatever has another type than it expects is absent. */
export class Auc {
  readonly #server: string;
  readonly #device: Device;
  readonly #age: AucAge;
  readonly http: Uclient;

  constructor(server: string, device: Device, age: AucAge) {
    this.#server = server;
    this.#device = device;
    this.#age = age;
    this.http = new Uclient({
      userAgent: age.userAgent,
      followsRedirects: true,
      maxUrlLength: MAX_URL_LENGTH,
    });
  }

  /** Upgrades to the newest version of a branch that has the device. */
  async upgrade(branchName: string): Promise<UpgradeResult> {
    const branch = await this.#branch(branchName);
    const [release] = await this.#releases(branch);
    if (!release) throw new ClientFailure('Invalid argument (22)');
    const folder = `${this.#server}${this.#age.jsonRoot}/${release.folder}`;
    const index = await this.#table(`${folder}/targets/${this.#device.target}/index.json`);
    if (text(index, 'architecture') !== branch.architecture) throw new ClientFailure('wrong architecture');
    const feeds = await this.#table(`${folder}/packages/${branch.architecture}-index.json`);
    const available = new Map([...textsByKey(tableIn(index, 'packages')), ...textsByKey(feeds)]);
    const shown: string[] = [];
    const done = await this.#build(this.#request(release, available), shown);
    return { ...(await this.#take(done)), shown };
  }

  async #branch(name: string): Promise<Branch> {
    const reply = await this.http.get(`${this.#server}${this.#age.jsonRoot}/branches.json`);
    const branches = JSON.parse(reply.text) as unknown[];
    for (const each of branches) {
      const branch = asTable(each);
      const path = text(branch, 'path');
      const versions = textsIn(branch, 'versions');
      const targets = tableIn(branch, 'targets');
      if (truthIn(branch, 'enabled') !== true || text(branch, 'path_packages') === undefined) continue;
      if (this.#age.isOf2021 && !hasAllOf2021(branch)) continue;
      if (text(branch, 'name') !== name || path === undefined || !versions || !targets) continue;
      const architecture = text(targets, this.#device.target);
      if (architecture !== undefined) return { path, versions, architecture };
    }
    throw new ClientFailure('Invalid argument (22)');
  }

  /** The versions whose profile can be read, in the branch's order. */
  async #releases({ path, versions, architecture }: Branch): Promise<readonly Release[]> {
    const { target, boardName = 'generic' } = this.#device;
    const board = target.startsWith('x86/') ? 'generic' : boardName.replaceAll(',', '_');
    const releases: Release[] = [];
    for (const version of versions) {
      const folder = path.replace('{version}', version);
      const url = `${this.#server}${this.#age.jsonRoot}/${folder}/targets/${target}/${board}.json`;
      const profile = await this.#table(url);
      const versionCode = text(profile, 'version_code');
      if (integerIn(profile, 'metadata_version') !== 1 || !arrayIn(profile, 'images')) continue;
      if (this.#age.isOf2021 && text(profile, 'source_date_epoch') === undefined) continue;
      if (text(profile, 'arch_packages') !== architecture || text(profile, 'target') !== target) continue;
      if (versionCode === undefined || text(profile, 'version_number') === undefined) continue;
      releases.push({ version, versionCode, folder, board });
    }
    return releases;
  }

  #request({ version, versionCode, board }: Release, available: ReadonlyMap<string, string>): Table {
    const { target, filesystem, packages } = this.#device;
    const missing = packages.filter((name) => !available.has(name));
    if (missing.length > 0) throw new ClientFailure(`missing: ${missing.join(', ')}`);
    const pinned = Object.fromEntries(packages.map((name) => [name, available.get(name)]));
    return {
      version,
      version_code: versionCode,
      target,
      profile: board,
      diff_packages: true,
      ...(this.#age.pinsVersions ? { filesystem, packages_versions: pinned } : { packages }),
    };
  }

  async #build(request: Table, shown: string[]): Promise<Table> {
    const url = `${this.#server}${this.#age.buildPath}`;
    let reply = await this.http.post(url, request);
    const hash = text(parseTable(reply.text), 'request_hash');
    for (;;) {
      const body = reply.status === 400 ? undefined : parseTable(reply.text);
      const word = text(body, 'status');
      const waits = [201, 202].includes(reply.status) || word === 'queued' || word === 'started';
      if (!waits) return this.#ended(reply, body);
      shown.push(`${word ?? reply.status} ${integerIn(body, 'queue_position') ?? ''}`.trim());
      await sleep(POLL_MS);
      reply = await this.http.get(`${url}/${hash}`);
    }
  }

  #ended(reply: WireReply, body: Table | undefined): Table {
    switch (reply.status) {
      case 200:
        return body ?? {};
      case 422:
        throw new ClientFailure(
          `unknown package '${reply.header('x-unknown-package') ?? '(null)'}' requested.`,
        );
      case 500: {
        const parts = ['stdout', 'stderr', 'detail', 'message'].map((key) => text(body, key));
        throw new ClientFailure(parts.filter((part) => part !== undefined).join('\n'));
      }
      default:
        throw new ClientFailure('Bad message (74)');
    }
  }

  async #take(done: Table): Promise<Omit<UpgradeResult, 'shown'>> {
    const binDir = text(done, 'bin_dir');
    const image = this.#imageOf(arrayIn(done, 'images') ?? []);
    const [name, sha256] = [text(image, 'name'), text(image, 'sha256')];
    if (!name || !sha256 || !binDir) throw new ClientFailure('no suitable image');
    const reply = await this.http.get(`${this.#server}/store/${binDir}/${name}`);
    const last = this.http.exchanges.at(-1)?.url.split('/').at(-1);
    if (reply.status !== 200 || last !== name) throw new ClientFailure('image download failed');
    if (Number(reply.header('content-length')) !== reply.bytes.length)
      throw new ClientFailure('file size mismatch');
    if (sha256Hex(reply.bytes) !== sha256) throw new ClientFailure('sha256 mismatch');
    return { bytes: reply.bytes, name, sha256 };
  }

  /** What to upgrade with: of its file system, else of squashfs. In 2021 the first for `sysupgrade` there is. */
  #imageOf(images: readonly unknown[]): Table | undefined {
    const { efi, filesystem } = this.#device;
    if (this.#age.isOf2021) return images.map(asTable).find((each) => text(each, 'type') === 'sysupgrade');
    const wanted = [filesystem, 'squashfs'].flatMap((each) =>
      ['sysupgrade', efi ? 'combined-efi' : 'combined', 'sdcard'].map((type) => ({ filesystem: each, type })),
    );
    for (const { filesystem: wantedFilesystem, type } of wanted) {
      const found = images.map(asTable).find((each) => {
        return text(each, 'filesystem') === wantedFilesystem && text(each, 'type') === type;
      });
      if (found) return found;
    }
    return undefined;
  }

  async #table(url: string): Promise<Table | undefined> {
    const reply = await this.http.get(url);
    return reply.status === 200 ? parseTable(reply.text) : undefined;
  }
}

interface Branch {
  readonly path: string;
  readonly versions: readonly string[];
  readonly architecture: string;
}

interface Release {
  readonly version: string;
  readonly versionCode: string;
  /** Upstream's, such as `releases/24.10.4`. */
  readonly folder: string;
  readonly board: string;
}

/** Source: auc 0.2.2, its policy of branches. */
function hasAllOf2021(branch: Table | undefined): boolean {
  return (
    text(branch, 'updates') !== undefined &&
    text(branch, 'pubkey') !== undefined &&
    arrayIn(branch, 'repos') !== undefined
  );
}
