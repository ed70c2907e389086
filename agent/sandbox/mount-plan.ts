import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { INSIDE } from './sandbox.ts';

/** One entry of the root folder a build sees. */
export type MountEntry =
  | { readonly kind: 'ro' | 'rw'; readonly source: string; readonly destination: string }
  | { readonly kind: 'link'; readonly target: string; readonly destination: string }
  | { readonly kind: 'dir'; readonly destination: string };

/** Folders that are links into /usr on newer systems and real ones on older. */
const SYSTEM_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/**
 * What programs need of /etc: library and tool lookup, name resolution, certificates. Not /etc/ssl or /etc/pki as a whole:
 * they hold private keys, which the build of an agent run by root could read.
 */
const ETC_ENTRIES = [
  'alternatives',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'resolv.conf',
  'hosts',
  'nsswitch.conf',
  'gai.conf',
  'services',
  'protocols',
  'ssl/certs',
  'ssl/cert.pem',
  'ssl/openssl.cnf',
  'pki/tls/certs',
  'pki/tls/cert.pem',
  'pki/ca-trust/extracted',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'perl',
];

/** The host's share of the root folder: its programs, read-only, and the least of /etc. `etc` holds our passwd and group. */
export function hostEntries(etc: string): MountEntry[] {
  return [
    { kind: 'ro', source: '/usr', destination: '/usr' },
    ...SYSTEM_FOLDERS.flatMap(systemFolder),
    ...ETC_ENTRIES.map((name) => `/etc/${name}`)
      .filter(exists)
      .map((path): MountEntry => ({ kind: 'ro', source: path, destination: path })),
    { kind: 'ro', source: `${etc}/passwd`, destination: '/etc/passwd' },
    { kind: 'ro', source: `${etc}/group`, destination: '/etc/group' },
    { kind: 'dir', destination: '/run' },
    { kind: 'dir', destination: '/var/tmp' },
  ];
}

/** The view's own share. */
export function viewEntries(paths: {
  readonly builder: string;
  readonly out: string;
  readonly files?: string | undefined;
}): MountEntry[] {
  const entries: MountEntry[] = [
    { kind: 'rw', source: paths.builder, destination: INSIDE.builder },
    { kind: 'rw', source: paths.out, destination: INSIDE.out },
  ];
  if (paths.files) entries.push({ kind: 'ro', source: paths.files, destination: INSIDE.files });
  return entries;
}

function systemFolder(path: string): MountEntry[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink()) return [{ kind: 'link', target: readlinkSync(path), destination: path }];
  return found?.isDirectory() ? [{ kind: 'ro', source: path, destination: path }] : [];
}

/** Follows links: a `resolv.conf` that points nowhere cannot be bound. */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
