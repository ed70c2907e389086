import { eventually } from './eventually.ts';
import type { Wire, WireReply } from './wire.ts';

/** A request for each target of the miniature. */
export const X86 = { version: '24.10.4', target: 'x86/64', profile: 'generic' } as const;
export const ARCHER = {
  version: '24.10.4',
  target: 'ath79/generic',
  profile: 'tplink_archer-c7-v5',
} as const;
export const ONE = { version: '25.12.0', target: 'mediatek/filogic', profile: 'openwrt_one' } as const;

/** 64 hex digits that are no build's. */
export const NO_HASH = 'f'.repeat(64);

/** The request hash of a build, new or known. Throws where a request is refused. */
export async function hashFor(wire: Wire, request: unknown): Promise<string> {
  const reply = await wire.post('/api/v1/build', request);
  const { request_hash: hash } = reply.json;
  if (typeof hash !== 'string') throw new Error(`${reply.status}: ${reply.text.slice(0, 500)}`);
  return hash;
}

/** What a build's poll says when it no longer says 202. */
export async function finalReply(wire: Wire, hash: string, withinMs = 60_000): Promise<WireReply> {
  return await eventually(async () => {
    const reply = await wire.get(`/api/v1/build/${hash}`);
    if (reply.status === 202) throw new Error(`still ${reply.text}`);
    return reply;
  }, withinMs);
}

/** A build from its request to its end. */
export async function build(wire: Wire, request: unknown): Promise<WireReply> {
  return await finalReply(wire, await hashFor(wire, request));
}

/** One image of a finished build. */
export interface BuiltImage {
  readonly name: string;
  readonly type: string;
  readonly filesystem: string;
  readonly sha256: string;
}

export function imagesOf(done: WireReply): readonly BuiltImage[] {
  return done.json.images as BuiltImage[];
}
