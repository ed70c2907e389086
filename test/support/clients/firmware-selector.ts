import { setTimeout as sleep } from 'node:timers/promises';
import { sendOverWire, type WireReply } from '../wire.ts';
import { BrowserHttp } from './browser-http.ts';
import { ClientFailure } from './device.ts';
import type { Table } from './typed.ts';

/** Far below the page's 5000 ms, so that tests need not wait. */
const POLL_MS = 100;

export interface SelectorForm {
  readonly profile: string;
  readonly target: string;
  readonly version: string;
  readonly versionCode: string;
  /** As typed: names with blanks, commas or line breaks between them. */
  readonly packages: string;
  readonly defaults?: string;
}

/** What the page shows in the end. */
export interface SelectorPage {
  readonly title: string;
  readonly buildAt: Date;
  readonly links: readonly { readonly url: string; readonly type: string; readonly sha256: string }[];
  /** Texts of its progress line. */
  readonly shown: readonly string[];
}

/** The Firmware Selector, `2d5eb23` (contract 1.3). */
export class FirmwareSelector {
  readonly #asuUrl: string;
  readonly http = new BrowserHttp('https://firmware-selector.example');

  constructor(asuUrl: string) {
    this.#asuUrl = asuUrl;
  }

  async build(form: SelectorForm): Promise<SelectorPage> {
    const url = `${this.#asuUrl}/api/v1/build`;
    const request = {
      profile: form.profile,
      target: form.target,
      packages: form.packages.match(/[^\s,]+/g) ?? [],
      defaults: form.defaults ?? '',
      version_code: form.versionCode,
      version: form.version,
      diff_packages: true,
      client: 'ofs/v5.1.0',
      repositories: {},
      repository_keys: [],
    };
    const shown: string[] = [];
    let reply = await this.http.request({
      method: 'POST',
      url,
      contentType: 'application/json',
      body: request,
    });
    for (;;) {
      const answer = JSON.parse(reply.text) as Table;
      if (reply.status === 200) return this.#show(answer, shown);
      if (reply.status !== 202) throw new ClientFailure(errorText(answer));
      shown.push(progressText(answer));
      await sleep(POLL_MS);
      reply = await this.http.request({
        method: 'GET',
        url: `${url}/${answer.request_hash}`,
        contentType: 'application/json',
      });
    }
  }

  /** A click on a link: no script, no origin. */
  async download(url: string): Promise<WireReply> {
    const { origin } = new URL(url);
    return await sendOverWire(origin, url.slice(origin.length));
  }

  #show(answer: Table, shown: readonly string[]): SelectorPage {
    const titles = answer.titles as { title?: string; vendor?: string; model?: string; variant?: string }[];
    const [title] = titles.map(
      (each) => each.title ?? [each.vendor, each.model, each.variant].filter(Boolean).join(' '),
    );
    const images = answer.images as { name: unknown; type: unknown; sha256: unknown }[];
    for (const { name, type, sha256 } of images) {
      if ([name, type, sha256].some((each) => typeof each !== 'string')) {
        throw new TypeError(`${typeof name}.split is not a function`);
      }
    }
    for (const key of ['build_cmd', 'manifest', 'version_number', 'version_code', 'target']) {
      if (!(key in answer)) throw new ClientFailure(`the page stays as it is: no ${key}`);
    }
    return {
      title: title ?? '',
      buildAt: new Date(Date.parse(String(answer.build_at))),
      links: images.map(({ name, type, sha256 }) => ({
        url: `${this.#asuUrl}/store/${answer.bin_dir}/${name}`,
        type: String(type),
        sha256: String(sha256),
      })),
      shown,
    };
  }
}

function progressText(answer: Table): string {
  const status = String(answer.imagebuilder_status ?? answer.detail ?? 'init');
  const position = answer.queue_position ? ` (${answer.queue_position})` : '';
  return `tr-${status.replaceAll('_', '-')}${position}`;
}

/** A list has no methods of texts: what the page calls on it then throws, and nothing is shown. */
function errorText({ detail, stderr }: Table): string {
  if (detail !== undefined) return (detail as string).replace(/^Error: /, '');
  return String(stderr).includes('images are too big') ? 'tr-image-too-big' : 'tr-build-failed';
}
