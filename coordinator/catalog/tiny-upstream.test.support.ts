import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What upstream does with one path instead of serving its file. */
export type Trouble = 'hang' | 'truncated' | { readonly status: number; readonly text: string };

export interface TinyUpstream extends AsyncDisposable {
  readonly url: string;
  /** Texts or bytes by path; what is not here is 404. */
  readonly files: Map<string, string | Buffer>;
  /** By path, or `*` for all. */
  readonly troubles: Map<string, Trouble>;
  /** Paths asked for, with the status answered. */
  readonly requests: string[];
}

/** A server of a few upstream documents with ETags, on a free port. */
export async function startTinyUpstream(): Promise<TinyUpstream> {
  const files = releaseTree();
  const troubles = new Map<string, Trouble>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1);
    const trouble = troubles.get(path) ?? troubles.get('*');
    const file = files.get(path);
    if (trouble) cause(trouble, response);
    else if (file === undefined) response.writeHead(404).end('not here');
    else {
      const etag = `"${createHash('sha256').update(file).digest('hex')}"`;
      const isKnown = request.headers['if-none-match'] === etag;
      response.writeHead(isKnown ? 304 : 200, { etag }).end(isKnown ? undefined : file);
    }
    requests.push(`${response.statusCode} ${path}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    troubles,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function cause(trouble: Trouble, response: ServerResponse): void {
  if (trouble === 'hang') return;
  if (trouble === 'truncated') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"versions_list"', () => response.destroy());
    return;
  }
  response.writeHead(trouble.status).end(trouble.text);
}

const DIGEST = 'a'.repeat(64);

/** 24.10.4 for ath79/generic (three profiles, opkg indexes) and x86/64 (only `generic`); 25.12.0 for x86/64 (apk indexes). */
function releaseTree(): Map<string, string | Buffer> {
  const old = 'releases/24.10.4';
  const apk = 'releases/25.12.0';
  return new Map<string, string | Buffer>([
    [
      '.versions.json',
      JSON.stringify({
        stable_version: '25.12.0',
        oldstable_version: '24.10.4',
        upcoming_version: '',
        versions_list: ['24.10.4', '24.10.10', '24.10.9', '24.10.0-rc1', '25.12.0', '19.07.7'],
      }),
    ],
    [`${old}/.targets.json`, JSON.stringify({ 'ath79/generic': 'mips_24kc', 'x86/64': 'x86_64' })],
    [`${apk}/.targets.json`, JSON.stringify({ 'x86/64': 'x86_64' })],
    [
      `${old}/targets/ath79/generic/profiles.json`,
      profilesJson('ath79/generic', 'mips_24kc', ATH79_PROFILES),
    ],
    [`${old}/targets/x86/64/profiles.json`, profilesJson('x86/64', 'x86_64', { generic: [] })],
    [`${apk}/targets/x86/64/profiles.json`, profilesJson('x86/64', 'x86_64', { generic: [] })],
    [`${old}/targets/ath79/generic/sha256sums`, sums('24.10.4', 'ath79-generic', 'zst')],
    [`${old}/targets/x86/64/sha256sums`, sums('24.10.4', 'x86-64', 'zst')],
    [`${apk}/targets/x86/64/sha256sums`, sums('25.12.0', 'x86-64', 'zst')],
    [`${old}/targets/ath79/generic/packages/index.json`, index('firewall4', 'libubox')],
    [`${old}/targets/ath79/generic/kmods/6.6.110-1-abc/index.json`, index('kmod-usb2')],
    [
      `${old}/packages/mips_24kc/feeds.conf`,
      'src-git base https://git.example/base\nsrc-git luci https://git.example/luci^1\n',
    ],
    [`${old}/packages/mips_24kc/base/index.json`, index('vim', 'tmux', 'dnsmasq-full')],
    [`${old}/packages/mips_24kc/base/Packages`, OPKG_PACKAGES],
    [`${old}/packages/mips_24kc/luci/index.json`, index('luci', 'luci-ssl')],
    [`${apk}/targets/x86/64/packages/index.json`, index('firewall4')],
    [`${apk}/packages/x86_64/feeds.conf`, '# feeds\nsrc-git base https://git.example/base\n'],
    [`${apk}/packages/x86_64/base/index.json`, index('vim', 'libubox', 'libpython3')],
  ]);
}

function index(...names: readonly string[]): string {
  const packages = Object.fromEntries(names.map((name) => [name, '1-r1']));
  return JSON.stringify({ version: 2, architecture: 'any', packages });
}

const ATH79_PROFILES = {
  'tplink_archer-c7-v5': ['kmod-ath10k'],
  '8dev_carambola2': [],
  'glinet_gl-ar150': [],
};

const OPKG_PACKAGES = `Package: vim
Version: 1-r1
Architecture: mips_24kc

Package: tmux
Version: 1-r1
Architecture: mips_24kc

Package: libncurses6
Version: 6.4-r1
ABIVersion: 6
Architecture: mips_24kc

Package: dnsmasq-full
Version: 1-r1
Provides: dnsmasq, @dns-server-any (= 1)
Architecture: mips_24kc

`;

function sums(version: string, target: string, extension: string): string {
  return `${'b'.repeat(64)} *profiles.json\n${DIGEST} *openwrt-imagebuilder-${version}-${target}.Linux-x86_64.tar.${extension}\n`;
}

function profilesJson(
  target: string,
  architecture: string,
  profiles: Record<string, readonly string[]>,
): string {
  const entries = Object.entries(profiles).map(([id, devicePackages]) => [
    id,
    {
      images: [],
      titles: [{ vendor: 'V', model: id }],
      supported_devices: [id.replace('_', ','), `old-${id}`],
      device_packages: devicePackages,
    },
  ]);
  return JSON.stringify({
    arch_packages: architecture,
    target,
    version_code: 'r28959-29397011cc',
    version_number: '24.10.4',
    default_packages: ['base-files', 'busybox', 'procd'],
    linux_kernel: { version: '6.6.110', release: '1', vermagic: 'abc' },
    profiles: Object.fromEntries(entries),
  });
}
