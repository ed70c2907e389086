import { Type } from 'typebox';
import { FarmError } from '../shared/errors.ts';
import { parseAs } from '../shared/schema.ts';
import { BuildClient, type ImageRequest } from './client/build-client.ts';

const TARGET = 'x86/64';
/** Packages people add; those a server offers are taken. */
const WISHES = ['tmux', 'htop', 'nano', 'curl'];
const MAX_WISHES = 2;

const FEED = 'packages/x86_64/packages/index.json';

const OverviewSchema = Type.Object({ latest: Type.Array(Type.String()) });
/** OpenWrt's index.json, version 2 (scripts/make-index-json.py). */
const IndexSchema = Type.Object({ packages: Type.Record(Type.String(), Type.String()) });

/** An image that any farm can build: the newest stable release for x86/64 with a few packages that upstream offers. */
export async function demoRequest(
  client: BuildClient,
  upstream: string,
  signal: AbortSignal,
): Promise<ImageRequest> {
  const answer = await client.document('/json/v1/overview.json', signal);
  const { latest } = parseAs(OverviewSchema, answer ?? { latest: [] }, 'overview.json');
  const version = newestStable(latest);
  if (version === undefined) {
    throw new FarmError(
      'unavailable',
      'the farm does not know any OpenWrt release; does the upstream answer?',
    );
  }
  const index = await new BuildClient(upstream).document(`/releases/${version}/${FEED}`, signal);
  const { packages: offered } = parseAs(IndexSchema, index ?? { packages: {} }, 'package index');
  const packages = WISHES.filter((name) => Object.hasOwn(offered, name)).slice(0, MAX_WISHES);
  return { version, target: TARGET, profile: 'generic', packages };
}

/** The highest of the versions that is a plain release: `24.10.4`, not `25.12.0-rc2`. */
export function newestStable(versions: readonly string[]): string | undefined {
  const releases = versions.filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  return releases.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0];
}
