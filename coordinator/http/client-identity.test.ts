import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { BuildOwner } from '../builds/build-owner.ts';
import { ClientIdentity, type ClientIdentityConfig } from './client-identity.ts';

const KEY = 'k3y-of-the-nightly-job';

function identity(changes: Partial<ClientIdentityConfig> = {}): ClientIdentity {
  const apiKeys = [`nightly:${KEY}:4`, 'nightly:its-next-key-of-2027', 'plain:another-key-0123456'];
  return new ClientIdentity({ farmKey: 'ab'.repeat(32), apiKeys, trustedProxies: [], ...changes });
}

function owner(
  { headers = {}, peer = '192.0.2.1' }: { headers?: IncomingMessage['headers']; peer?: string } = {},
  known = identity(),
): BuildOwner {
  return known.ownerOf({ headers, socket: { remoteAddress: peer } as IncomingMessage['socket'] });
}

test('who has no key is a device, told from others by a sum that names no address', () => {
  const ann = owner();
  expect(ann).toEqual({ priority: 'device', client: expect.stringMatching(/^net:[\w-]{16}$/), weight: 1 });
  expect(owner()).toEqual(ann);
  expect(owner({ peer: '::ffff:192.0.2.1' })).toEqual(ann);
  expect(owner({ peer: '192.0.2.2' }).client).not.toBe(ann.client);
});

test('all of an IPv6 network of 64 bits are one client', () => {
  const { client } = owner({ peer: '2001:db8:1:2::1' });
  expect(owner({ peer: '2001:db8:1:2:ffff::9' }).client).toBe(client);
  expect(owner({ peer: '2001:db8:1:3::1' }).client).not.toBe(client);
});

test('coordinators of one farm agree on the sum, those of another do not', () => {
  expect(owner({}, identity({ apiKeys: [] }))).toEqual(owner());
  expect(owner({}, identity({ farmKey: 'cd'.repeat(32) })).client).not.toBe(owner().client);
});

test.each([
  [{ authorization: `Bearer ${KEY}` }],
  [{ authorization: `bearer  ${KEY}` }],
  [{ 'x-api-key': KEY }],
  [{ authorization: 'Bearer something-of-a-proxy', 'x-api-key': KEY }],
])('who says %j is the client of that key', (headers) => {
  expect(owner({ headers })).toEqual({ priority: 'bulk', client: 'key:nightly', weight: 4 });
});

test('a client may have several keys, and weighs one unless told', () => {
  const headers = { 'x-api-key': 'its-next-key-of-2027' };
  expect(owner({ headers })).toEqual({ priority: 'bulk', client: 'key:nightly', weight: 1 });
});

test.each([
  [{ authorization: 'Bearer an-unknown-key-0123' }],
  [{ authorization: `Basic ${KEY}` }],
  [{ authorization: '' }],
  [{ 'x-api-key': `${KEY}x` }],
  [{ 'x-api-key': 'nightly' }],
])('what is no key of ours counts for nothing: %j', (headers) => {
  expect(owner({ headers })).toEqual(owner());
});

test('behind a trusted proxy its clients are told apart, and elsewhere nobody chooses who they are', () => {
  const behind = identity({ trustedProxies: ['127.0.0.0/8'] });
  const headers = { 'x-forwarded-for': '198.51.100.7, 192.0.2.1' };
  expect(owner({ headers, peer: '127.0.0.1' }, behind)).toEqual(owner());
  expect(owner({ headers: { 'x-forwarded-for': '198.51.100.7' } }, behind)).toEqual(owner());
});

test('who comes without an address is one client', () => {
  const socket = {} as IncomingMessage['socket'];
  expect(identity().ownerOf({ headers: {}, socket }).client).toBe('local');
});
