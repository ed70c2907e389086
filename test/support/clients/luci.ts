import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import { BrowserHttp, type PageReply } from './browser-http.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import type { Table } from './typed.ts';

/** Far below LuCI's 5 s, so that tests need not wait. */
const POLL_MS = 100;

/** The stages the app has words for. C shows nothing new for others, D and E throw. Source: luci, attendedsysupgrade/overview.js. */
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
/** Other codes are ignored by C and D, which then poll for ever. */
const KNOWN_CODES = [200, 202, 400, 422, 500];

export type LuciGeneration = 'C' | 'D' | 'E';

const CLIENTS = { D: 'luci/git-24.264.56411-14f2d2d', E: 'luci/26.129.70992~61fbfe6' } as const;

/** The attended sysupgrade of LuCI (contract 1.2), run by a browser on the router's own page. */
export class Luci {
  readonly #server: string;
  readonly #device: Device;
  readonly #generation: LuciGeneration;
  readonly #rootfsSizeMb: string | null;
  readonly http = new BrowserHttp('http://192.168.1.1');

  /** @param options.rootfsSizeMb from UCI, which knows only texts. */
  constructor(
    server: string,
    device: Device,
    generation: LuciGeneration,
    options: { readonly rootfsSizeMb?: string } = {},
  ) {
    this.#server = generation === 'E' ? server.replace(/\/+$/, '') : server;
    this.#device = device;
    this.#generation = generation;
    this.#rootfsSizeMb = options.rootfsSizeMb ?? null;
  }

  /** The version it offers; undefined when there is nothing newer. */
  async check(): Promise<string | undefined> {
    const { version, target } = this.#device;
    if (version.endsWith('SNAPSHOT')) {
      const { revision } = await this.#json(`/api/v1/revision/${version}/${target}`);
      if (!/^r\d+-/.test(String(revision))) throw new ClientFailure(`no revision: ${revision}`);
      return version;
    }
    const overview = await this.#json(this.#generation === 'C' ? '/api/overview' : '/api/v1/overview');
    const latest = overview.latest as string[];
    const sorted = this.#generation === 'E' ? latest.toSorted().reverse() : latest;
    const branch = version.replace(/\.[^.]*$/, '');
    for (const each of sorted) {
      if (each === version) return undefined;
      if (each.startsWith(branch)) return each;
      if (each > version) return each;
    }
    return undefined;
  }

  /** Has an image built and brings it to the router. */
  async request(version: string): Promise<UpgradeResult> {
    const body = this.#body(version, await this.#packages(version));
    const shown: string[] = [];
    const done = await this.#poll(body, shown);
    return { ...(await this.#install(done)), shown };
  }

  #body(version: string, packages: readonly string[]): Table {
    const { target, boardName, filesystem } = this.#device;
    // Without a board name the key is missing: JSON has no undefined.
    const body = { packages, profile: boardName, target, version, diff_packages: true };
    switch (this.#generation) {
      case 'C':
        return body;
      case 'D':
        return { ...body, client: CLIENTS.D, filesystem };
      case 'E':
        return { ...body, client: CLIENTS.E, filesystem, rootfs_size_mb: this.#rootfsSizeMb };
    }
  }

  /** From February 2025 on the app renames packages itself, and asks for what it needs to know before every build. */
  async #packages(version: string): Promise<readonly string[]> {
    const names = new Set(this.#device.packages);
    if (this.#generation === 'C') return [...names].sort();
    const [overview, revision] = await Promise.all([
      this.#json('/api/v1/overview'),
      this.#json(`/api/v1/revision/${version}/${this.#device.target}`),
    ]);
    const number = /^r(\d+)-/.exec(String(revision.revision))?.[1];
    if (number === undefined) throw new ClientFailure('Error connecting to upgrade server');
    const branch = /^\d+\.\d+/.exec(version)?.[0] ?? version;
    const branches = overview.branches as Record<string, { package_changes: Iterable<Change> }>;
    for (const change of branches[branch]?.package_changes ?? []) {
      if (change.revision > Number(number) || !names.delete(change.source)) continue;
      if (change.target !== undefined) names.add(change.target);
    }
    return [...names].sort();
  }

  /** The poller does not wait for its last call: until a 202 comes, the same POST is sent again. */
  async #poll(body: Table, shown: string[]): Promise<Table> {
    const post = () => this.#send('POST', '/api/v1/build', body);
    const [first, second] = await Promise.all([post(), post()]);
    const hash = String(JSON.parse(second.text).request_hash);
    for (let reply: PageReply = first; ; reply = await this.#send('GET', `/api/v1/build/${hash}`)) {
      if (this.#generation !== 'E' && !KNOWN_CODES.includes(reply.status)) {
        throw new ClientFailure(`polls for ever: ${reply.status} is ignored`);
      }
      const answer = JSON.parse(reply.text) as Table;
      if (reply.status === 200) return answer;
      if (reply.status !== 202) throw new ClientFailure(told(answer));
      shown.push(this.#progress(answer));
      await sleep(POLL_MS);
    }
  }

  #progress(answer: Table): string {
    if ('queue_position' in answer) return `queue position ${answer.queue_position}`;
    const stage = String(answer.imagebuilder_status);
    if (this.#generation === 'C') return STAGES_OF_C.includes(stage) ? stage : 'as before';
    if (STAGES_OF_D.includes(stage)) return stage;
    throw new TypeError(`Cannot read properties of undefined (reading '${stage}')`);
  }

  async #install(done: Table): Promise<Omit<UpgradeResult, 'shown'>> {
    const { target, filesystem, efi } = this.#device;
    const isDisk = /^(armsr|loongarch|x86)/.test(target);
    const types = isDisk ? [efi ? 'combined-efi' : 'combined'] : ['sysupgrade', 'combined'];
    const images = done.images as { filesystem: string; type: string; name: string; sha256: string }[];
    const image = images.find((each) => each.filesystem === filesystem && types.includes(each.type));
    if (!image) throw new TypeError("Cannot read properties of undefined (reading 'name')");
    for (const key of ['version_number', 'version_code', 'id', 'target', 'build_at']) {
      if (typeof done[key] !== 'string') throw new ClientFailure(`${key} is shown as ${done[key]}`);
    }
    const blob = await this.#get(`/store/${done.bin_dir}/${image.name}`);
    if (blob.status !== 200) throw new ClientFailure(`Error downloading the image: ${blob.status}`);
    if (sha256Hex(blob.bytes) !== image.sha256) throw new ClientFailure('Wrong checksum');
    return { bytes: blob.bytes, name: image.name, sha256: image.sha256 };
  }

  async #json(path: string): Promise<Table> {
    const reply = await this.#get(path);
    if (reply.status !== 200) throw new ClientFailure(`${this.#server}${path}: ${reply.text}`);
    return JSON.parse(reply.text) as Table;
  }

  async #get(path: string): Promise<PageReply> {
    return await this.http.request({ method: 'GET', url: `${this.#server}${path}?${Date.now()}` });
  }

  /** Its requests for builds carry a content type, polls too. */
  async #send(method: 'GET' | 'POST', path: string, body?: Table): Promise<PageReply> {
    const url = `${this.#server}${path}?${Date.now()}`;
    const sent = body === undefined ? {} : { body };
    return await this.http.request({ method, url, contentType: 'application/json', ...sent });
  }
}

interface Change {
  readonly source: string;
  readonly target?: string;
  readonly revision: number;
}

function told(answer: Table): string {
  const { detail, stdout, stderr } = answer;
  return [`Server response: ${detail}`, stdout, stderr].filter((part) => part !== undefined).join('\n');
}
