import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../../../shared/digest.ts';
import { BrowserHttp } from './browser-http.ts';
import { ClientFailure, type Device, type UpgradeResult } from './device.ts';
import type { Table } from './typed.ts';

/* The clients of 2020 (contract 1.5, 1.2). Both are pages. */

/** Far below their 5 s, so that tests need not wait. */
const POLL_MS = 100;

interface Image {
  readonly type: string;
  readonly name: string;
  readonly sha256: string;
}

/** The web page of asu v0.3.0, "yafs". */
export class Yafs {
  readonly #server: string;
  readonly #http: BrowserHttp;
  readonly #readsUrl: boolean;

  /** @param age before 2020-03-05 it looked for images below `url`, afterwards below `bin_dir`. */
  constructor(server: string, age: { readonly readsUrl: boolean }) {
    this.#server = server;
    // The server of v0.3.0 served this page itself.
    this.#http = new BrowserHttp(server);
    this.#readsUrl = age.readsUrl;
  }

  /** Finds a device by what people call it, and has an image built with packages. */
  async build(version: string, model: string, packages: readonly string[]): Promise<UpgradeResult> {
    const names = await this.#http.request({ method: 'GET', url: `${this.#server}/names-${version}.json` });
    const { models } = JSON.parse(names.text) as { models: Record<string, { id: string }> };
    const profile = models[model]?.id;
    if (profile === undefined) throw new ClientFailure(`no device ${model}`);
    const { answer, shown } = await postUntilDone(this.#http, this.#server, { profile, packages, version });
    const [title] = answer.titles as { vendor?: string; model?: string; variant?: string }[];
    const name = [title?.vendor, title?.model, title?.variant].filter(Boolean).join(' ');
    if (name !== model) throw new ClientFailure(`the image is for ${name}`);
    if (typeof answer.version_commit !== 'string') throw new ClientFailure('version_commit is undefined');
    const folder = this.#readsUrl ? String(answer.url) : `/store/${answer.bin_dir}`;
    const image = sysupgradeOf(answer);
    const url = new URL(`${folder}/${image.name}`, this.#server).href;
    return { ...(await take(this.#http, url, image)), shown };
  }
}

/** LuCI of March 2020, generation A. */
export class LuciOf2020 {
  readonly #server: string;
  readonly #device: Device;
  readonly #http = new BrowserHttp('http://192.168.1.1');

  constructor(server: string, device: Device) {
    this.#server = server;
    this.#device = device;
  }

  /** The newest version of the running branch, in the small letters of the server. */
  async check(): Promise<string> {
    const reply = await this.#http.request({ method: 'GET', url: `${this.#server}/api/versions` });
    const { branches = [] } = JSON.parse(reply.text) as { branches?: { name: string; latest: string }[] };
    const running = this.#device.version.toLowerCase();
    const branch = branches.find(({ name }) => running.startsWith(name));
    if (!branch) throw new ClientFailure('No upgrades available');
    return branch.latest;
  }

  async request(version: string): Promise<UpgradeResult> {
    const { answer, shown } = await postUntilDone(this.#http, this.#server, {
      profile: this.#device.boardName,
      current_version: this.#device.version.toLowerCase(),
      version,
      diff_packages: true,
      packages: this.#device.packages,
    });
    const image = sysupgradeOf(answer);
    return {
      ...(await take(this.#http, `${this.#server}/store/${answer.bin_dir}/${image.name}`, image)),
      shown,
    };
  }

  /** The log that it links after a failure: without `/store`. */
  async log(binDir: string): Promise<string> {
    const url = `${this.#server}/${binDir}/buildlog.txt`;
    return (await this.#http.request({ method: 'GET', url })).text;
  }
}

/** There was no poll in 2020: the same POST, again and again. */
async function postUntilDone(
  http: BrowserHttp,
  server: string,
  body: Table,
): Promise<{ answer: Table; shown: readonly string[] }> {
  const shown: string[] = [];
  for (;;) {
    const url = `${server}/api/build`;
    const reply = await http.request({ method: 'POST', url, contentType: 'application/json', body });
    const answer = JSON.parse(reply.text) as Table;
    if (reply.status === 200) return { answer, shown };
    if (reply.status !== 202) {
      const log = answer.buildlog === true ? ` see /store/${answer.bin_dir}/buildlog.txt` : '';
      throw new ClientFailure(`${answer.message}${log}`);
    }
    shown.push(String(answer.status));
    await sleep(POLL_MS);
  }
}

function sysupgradeOf(answer: Table): Image {
  const image = (answer.images as Image[]).find(({ type }) => type === 'sysupgrade');
  if (!image) throw new ClientFailure('no sysupgrade image');
  return image;
}

async function take(http: BrowserHttp, url: string, image: Image): Promise<Omit<UpgradeResult, 'shown'>> {
  const reply = await http.request({ method: 'GET', url });
  if (reply.status !== 200) throw new ClientFailure(`${url}: ${reply.status}`);
  if (sha256Hex(reply.bytes) !== image.sha256) throw new ClientFailure('Wrong checksum');
  return { bytes: reply.bytes, name: image.name, sha256: image.sha256 };
}
