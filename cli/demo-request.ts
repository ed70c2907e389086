import { Type } from 'typebox';
import { FarmError } from '../shared/errors.ts';
import { parseAs } from '../shared/schema.ts';
import type { BuildClient, ImageRequest } from './client/build-client.ts';

const TARGET = 'x86/64';
/** Packages people add; those a server offers are taken. */
const WISHES = ['tmux', 'htop', 'luci', 'nano', 'tcpdump', 'curl'];
const MAX_WISHES = 2;

const LatestSchema = Type.Object({ latest: Type.Array(Type.String()) });
const IndexSchema = Type.Record(Type.String(), Type.String());

/** An image that any server can build: the newest stable release for x86/64 with a few packages it offers. */
export async function demoRequest(client: BuildClient, signal: AbortSignal): Promise<ImageRequest> {
  const answer = await client.document('/json/v1/latest.json', signal);
  const { latest } = parseAs(LatestSchema, answer ?? { latest: [] }, 'latest.json');
  const version = newestStable(latest);
  if (version === undefined) {
    throw new FarmError(
      'unavailable',
      'the farm does not know any OpenWrt release; does the upstream answer?',
    );
  }
  const feeds = await client.document(`/json/v1/releases/${version}/packages/x86_64-index.json`, signal);
  const offered = parseAs(IndexSchema, feeds ?? {}, 'package index');
  const packages = WISHES.filter((name) => Object.hasOwn(offered, name)).slice(0, MAX_WISHES);
  return { version, target: TARGET, profile: 'generic', packages };
}

/** The highest of the versions that is a plain release: `24.10.4`, not `25.12.0-rc2`. */
export function newestStable(versions: readonly string[]): string | undefined {
  const releases = versions.filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  return releases.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0];
}
