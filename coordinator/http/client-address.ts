import { BlockList, isIP } from 'node:net';

/** Addresses and networks in CIDR notation, e.g. `10.0.0.0/8`, `::1`. Throws a RangeError that names what is neither. */
export function parseNetworks(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    if (version === 0 || Number(prefix ?? 0) > bits) throw new RangeError(network);
    list.addSubnet(address, prefix === undefined ? bits : Number(prefix), version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * Where a request comes from: whoever connected, or where that is a trusted proxy, whom it names. Each proxy adds to the end of
 * X-Forwarded-For who connected to it, so the rightmost address that is none of ours was seen by one of ours; what stands
 * before it may be anybody's invention.
 * @param peer `socket.remoteAddress`.
 * @returns an address as `plainAddress` gives it; undefined when there is none, as with a socket in the file system.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | readonly string[] | undefined,
  trusted: BlockList,
): string | undefined {
  let address = plainAddress(peer ?? '');
  const named = String(forwardedFor ?? '').split(',');
  while (address !== undefined && isTrusted(address, trusted)) {
    const next = plainAddress(withoutPort(named.pop()?.trim() ?? ''));
    if (next === undefined) break;
    address = next;
  }
  return address;
}

/**
 * The network that counts as one client: an IPv4 address, or the /64 of an IPv6 one. A household has one or the other, and
 * within its /64 may take a new address for each request. Behind one IPv4 address of a provider there may be many households;
 * a wider network would put even those together that are not.
 * @param address as `plainAddress` gives it.
 */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** An address in its one shortest form, without a zone; an IPv4 one written as IPv6 is IPv4. Undefined for what is none. */
function plainAddress(text: string): string | undefined {
  const address = text.replace(/%.*$/, '');
  const version = isIP(address);
  if (version !== 6) return version === 4 ? address : undefined;
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(plain) ?? [];
  if (high === undefined || low === undefined) return plain;
  return [high, low]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/** Some proxies name ports too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}
