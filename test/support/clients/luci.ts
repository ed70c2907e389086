import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import { BrowserHttp, type PageReply } from './browser-http.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import type { Table } from './typed.ts';

/** Far below LuCI's 5 s, so that tests need not wait. */
const POLL_MS = 100;

/** How the app of a time differs from that of others. Source: luci, attendedsysupgrade/overview.js. */
export interface LuciAge {
  readonly overviewPath: string;
  readonly buildPath: string;
  /** Whether it compares revisions of snapshots: before, the newest one was always offered. */
  readonly comparesRevisions: boolean;
  /** Whether it offers nothing of other branches outside its advanced mode (until 2025; asu#1202). */
  readonly hidesBranches: boolean;
  /** Whether it puts the versions in order itself. */
  readonly sortsLatest: boolean;
  /** Whether it renames packages, for which it reads overview and revision before every build: from February 2025 on. */
  readonly renamesPackages: boolean;
  /** What it sends besides profile, target, version and packages. */
  readonly client?: string;
  readonly sendsFilesystem: boolean;
  readonly sendsRootfsSize: boolean;
  /** Whether it has a table of stages, and throws over others; until 2022 it has one text for all. */
  readonly stages?: readonly string[];
  /** Whether each look waits for the one before, and GET has no content type: until 2022. */
  readonly waitsForAnswers: boolean;
  /** Whether it shows answers with other codes than 200, 202, 400, 422 and 500, over which others poll for ever. */
  readonly knowsAllCodes: boolean;
  /** Whether slashes at the end of the server's address are cut. */
  readonly trimsServer: boolean;
}

const STAGES_OF_C = [
  'init',
  'download_imagebuilder',
  'unpack_imagebuilder',
  'calculate_packages_hash',
  'building_image',
];
const STAGES_OF_D = [
  ...STAGES_OF_C,
  ...['container_setup', 'validate_revision', 'validate_manifest', 'signing_images', 'done', 'failed'],
];

/** 21.02.0. */
export const LUCI_B: LuciAge = {
  overviewPath: '/json/latest.json',
  buildPath: '/api/build',
  comparesRevisions: false,
  hidesBranches: true,
  sortsLatest: false,
  renamesPackages: false,
  sendsFilesystem: false,
  sendsRootfsSize: false,
  waitsForAnswers: true,
  knowsAllCodes: false,
  trimsServer: false,
};
/** 21.02 and 22.03. */
export const LUCI_C_OF_2021: LuciAge = {
  ...LUCI_B,
  overviewPath: '/api/overview',
  buildPath: '/api/v1/build',
  comparesRevisions: true,
};
/** 23.05.0 to 23.05.5. */
export const LUCI_C_OF_2023: LuciAge = {
  ...LUCI_C_OF_2021,
  client: 'luci/git-23.236.53405-fc638c8',
  sendsFilesystem: true,
  stages: STAGES_OF_C,
  waitsForAnswers: false,
};
/** The last 23.05 and the first 24.10. */
export const LUCI_D: LuciAge = {
  ...LUCI_C_OF_2023,
  overviewPath: '/api/v1/overview',
  hidesBranches: false,
  renamesPackages: true,
  client: 'luci/git-24.264.56411-14f2d2d',
  stages: STAGES_OF_D,
};
/** 24.10.2 and later. */
export const LUCI_E: LuciAge = {
  ...LUCI_D,
  sortsLatest: true,
  client: 'luci/26.129.70992~61fbfe6',
  sendsRootfsSize: true,
  knowsAllCodes: true,
  trimsServer: true,
};

export interface LuciOptions {
  /** From UCI, which knows only texts. */
  readonly rootfsSizeMb?: string;
  readonly advancedMode?: boolean;
  /** Servers that build the same again, to compare. */
  readonly rebuilders?: readonly string[];
}

/** An upgrade, and what became of it on each rebuilder. */
export interface LuciResult extends UpgradeResult {
  readonly rebuilds: readonly ('same' | 'other' | 'refused')[];
}

/** The attended sysupgrade of LuCI (contract 1.2), run by a browser on the router's own page. */
export class Luci {
  readonly #server: string;
  readonly #device: Device;
  readonly #age: LuciAge;
  readonly #options: LuciOptions;
  readonly http = new BrowserHttp('http://192.168.1.1');

  constructor(server: string, device: Device, age: LuciAge, options: LuciOptions = {}) {
    this.#server = age.trimsServer ? server.replace(/\/+$/, '') : server;
    this.#device = device;
    this.#age = age;
    this.#options = options;
  }

  /** The versions it offers, the one it proposes first; none when there is nothing newer. */
  async check(): Promise<readonly string[]> {
    const { version, target, revision = 'r0-unknown' } = this.#device;
    const { advancedMode } = this.#options;
    const candidates: string[] = [];
    if (version.endsWith('SNAPSHOT') && !this.#age.comparesRevisions) return [version];
    if (version.endsWith('SNAPSHOT')) {
      const remote = await this.#json(`/api/v1/revision/${version}/${target}`);
      if (countOf(revision) < countOf(String(remote.revision))) candidates.push(version);
    } else {
      const { latest } = await this.#json(this.#age.overviewPath);
      candidates.push(...this.#newerThan(version, latest as readonly string[]));
    }
    return advancedMode ? [version, ...candidates] : candidates;
  }

  /** Has an image built and brings it to the router. */
  async request(version: string): Promise<LuciResult> {
    const body = this.#body(version, await this.#packages(version));
    const shown: string[] = [];
    const done = await this.#build(body, shown);
    const result = { ...(await this.#install(done)), shown };
    const unsigned = this.#imageOf(done).sha256_unsigned;
    const rebuilds = (this.#options.rebuilders ?? []).map((server) => this.#rebuild(server, body, unsigned));
    return { ...result, rebuilds: await Promise.all(rebuilds) };
  }

  #newerThan(version: string, latest: readonly string[]): readonly string[] {
    const branch = branchOf(version);
    const candidates: string[] = [];
    for (const each of this.#age.sortsLatest ? latest.toSorted().reverse() : latest) {
      if (each === version) break;
      const isOwn = branchOf(each) === branch;
      if (!isOwn && this.#age.hidesBranches && !this.#options.advancedMode) continue;
      candidates.unshift(each);
      if (isOwn) break;
    }
    return candidates;
  }

  #body(version: string, packages: readonly string[]): Table {
    const { target, boardName, filesystem } = this.#device;
    const { client, sendsFilesystem, sendsRootfsSize } = this.#age;
    return {
      ...(client === undefined ? {} : { client }),
      packages,
      // Without a board name the key is missing: JSON has no undefined.
      profile: boardName,
      target,
      version,
      diff_packages: true,
      ...(sendsFilesystem ? { filesystem } : {}),
      ...(sendsRootfsSize ? { rootfs_size_mb: this.#options.rootfsSizeMb ?? null } : {}),
    };
  }

  async #packages(version: string): Promise<readonly string[]> {
    const names = this.#device.packages.toSorted();
    if (!this.#age.renamesPackages) return names;
    const [overview, revision] = await Promise.all([
      this.#json(this.#age.overviewPath),
      this.#json(`/api/v1/revision/${version}/${this.#device.target}`),
    ]);
    const number = countOf(String(revision.revision));
    const branches = overview.branches as Record<string, { package_changes: Iterable<Change> }>;
    const branch = branches[branchOf(version)];
    if (!branch) throw new TypeError("Cannot read properties of undefined (reading 'package_changes')");
    for (const change of branch.package_changes) {
      const at = names.indexOf(change.source);
      if (at < 0 || change.revision > number) continue;
      if (change.target === undefined) names.splice(at, 1);
      else names[at] = change.target;
    }
    return names;
  }

  /** The poller does not wait for its last call: until a 202 comes, the same POST is sent again. */
  async #build(body: Table, shown: string[]): Promise<Table> {
    const { buildPath } = this.#age;
    const post = () => this.#send(this.#server, 'POST', buildPath, body);
    const [first, ...more] = await Promise.all(this.#age.waitsForAnswers ? [post()] : [post(), post()]);
    const hash = String(JSON.parse((more.at(-1) ?? first).text).request_hash);
    const look = () => this.#send(this.#server, 'GET', `${buildPath}/${hash}`);
    for (let reply: PageReply = first; ; reply = await look()) {
      if (!this.#age.knowsAllCodes && ![200, 202, 400, 422, 500].includes(reply.status)) {
        throw new ClientFailure(`polls for ever: ${reply.status} is ignored`);
      }
      const answer = JSON.parse(reply.text) as Table;
      if (reply.status === 200) return answer;
      if (reply.status !== 202) throw new ClientFailure(this.#told(answer));
      shown.push(this.#progress(answer));
      await sleep(POLL_MS);
    }
  }

  #progress(answer: Table): string {
    if ('queue_position' in answer) return `queue position ${answer.queue_position}`;
    const { stages } = this.#age;
    const stage = String(answer.imagebuilder_status);
    if (!stages) return 'Building firmware sysupgrade image';
    if (stages.includes(stage)) return stage;
    // It throws inside a promise that nobody looks at: in C, which knows few stages, the text stays as it was.
    if (stages === STAGES_OF_C) return 'as before';
    throw new TypeError(`Cannot read properties of undefined (reading '0') for ${stage}`);
  }

  #told({ detail, stdout, stderr }: Table): string {
    const first = this.#age.waitsForAnswers ? String(detail) : `Server response: ${detail}`;
    return [first, stdout, stderr].filter((part) => part !== undefined).join('\n');
  }

  /** It never remembers the hash: the same POST until it is no longer answered with 202, whatever the table says. */
  async #rebuild(server: string, body: Table, unsigned: string): Promise<'same' | 'other' | 'refused'> {
    for (;;) {
      const reply = await this.#send(server, 'POST', this.#age.buildPath, body);
      const answer = JSON.parse(reply.text) as Table;
      if (reply.status === 200) return this.#imageOf(answer).sha256_unsigned === unsigned ? 'same' : 'other';
      if (reply.status !== 202) return 'refused';
      await sleep(POLL_MS);
    }
  }

  #imageOf(done: Table): Image {
    const { target, filesystem, efi } = this.#device;
    const images = done.images as readonly Image[];
    const image = this.#age.sendsFilesystem
      ? images.find((each) => each.filesystem === filesystem && typesFor(target, efi).includes(each.type))
      : // The loop's variable keeps the last one where none fits.
        (images.find(({ type }) => type === 'sysupgrade') ?? images.at(-1));
    if (!image) throw new TypeError("Cannot read properties of undefined (reading 'name')");
    return image;
  }

  async #install(done: Table): Promise<Omit<UpgradeResult, 'shown'>> {
    const image = this.#imageOf(done);
    for (const key of ['version_number', 'version_code', 'id', 'target', 'build_at']) {
      if (typeof done[key] !== 'string') throw new ClientFailure(`${key} is shown as ${done[key]}`);
    }
    const blob = await this.http.request({
      method: 'GET',
      url: `${this.#server}/store/${done.bin_dir}/${image.name}?${Date.now()}`,
      contentType: 'application/x-www-form-urlencoded',
    });
    if (blob.status !== 200) throw new ClientFailure(`Error downloading the image: ${blob.status}`);
    if (sha256Hex(blob.bytes) !== image.sha256) throw new ClientFailure('Wrong checksum');
    return { bytes: blob.bytes, name: image.name, sha256: image.sha256 };
  }

  async #json(path: string): Promise<Table> {
    const url = `${this.#server}${path}?${Date.now()}`;
    const reply = await this.http.request({ method: 'GET', url });
    if (reply.status !== 200) throw new ClientFailure(`${this.#server}${path}: ${reply.text}`);
    return JSON.parse(reply.text) as Table;
  }

  async #send(server: string, method: 'GET' | 'POST', path: string, body?: Table): Promise<PageReply> {
    const url = `${server}${path}?${Date.now()}`;
    // From 2022 on GET has an object for its content, which makes it JSON.
    const isJson = body !== undefined || !this.#age.waitsForAnswers;
    return await this.http.request({
      method,
      url,
      ...(isJson ? { contentType: 'application/json' } : {}),
      ...(body === undefined ? {} : { body }),
    });
  }
}

interface Image {
  readonly filesystem: string;
  readonly type: string;
  readonly name: string;
  readonly sha256: string;
  readonly sha256_unsigned: string;
}

interface Change {
  readonly source: string;
  readonly target?: string;
  readonly revision: number;
}

function typesFor(target: string, efi: boolean | undefined): readonly string[] {
  if (!/^(armsr|loongarch|x86)/.test(target)) return ['sysupgrade', 'combined'];
  return [efi ? 'combined-efi' : 'combined'];
}

/** `SNAPSHOT`, `24.10` for `24.10-SNAPSHOT`, `24.10.4` and `24.10.0-rc1`. */
function branchOf(version: string): string {
  return version.replace('-SNAPSHOT', '').split('.').slice(0, 2).join('.');
}

/** Commits up to a revision: 28959 for `r28959-29397011cc`. */
function countOf(revision: string): number {
  const count = Number.parseInt(revision.slice(1), 10);
  if (Number.isNaN(count)) throw new ClientFailure(`no revision: ${revision}`);
  return count;
}
