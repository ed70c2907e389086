import { describe, expect, test } from 'vitest';
import { clientAddress, clientNetwork, parseNetworks } from './client-address.ts';

const NOBODY = parseNetworks([]);
const PROXIES = parseNetworks(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);

describe('the client’s address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, undefined],
    ['', undefined],
  ])('of a connection from %s is %s', (peer, address) => {
    expect(clientAddress(peer, undefined, NOBODY)).toBe(address);
  });

  test('is not what X-Forwarded-For says, unless a trusted proxy says it', () => {
    expect(clientAddress('192.0.2.1', '198.51.100.7', PROXIES)).toBe('192.0.2.1');
    expect(clientAddress('127.0.0.1', '198.51.100.7', NOBODY)).toBe('127.0.0.1');
  });

  test.each([
    ['198.51.100.7', '198.51.100.7'],
    ['203.0.113.1, 198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, 10.1.2.3', '198.51.100.7'],
    ['198.51.100.7,fd00::1 , 10.1.2.3', '198.51.100.7'],
    ['198.51.100.7:4711', '198.51.100.7'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, unknown, 10.1.2.3', '10.1.2.3'],
    ['10.1.2.3', '10.1.2.3'],
    ['', '127.0.0.1'],
    [undefined, '127.0.0.1'],
  ])('behind trusted proxies that say %j is the rightmost that is none of them, %s', (forwarded, address) => {
    expect(clientAddress('::ffff:127.0.0.1', forwarded, PROXIES)).toBe(address);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
])('%s is of the network %s', (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});

test.each(['', 'localhost', '10.0.0.0/33', '::/129', '10.0.0/8', '10.0.0.1/', '10.0.0.1/-1', '1.2.3.4 '])(
  'the network %j is refused by its name',
  (network) => {
    expect(() => parseNetworks([network])).toThrow(new RangeError(network));
  },
);

test('a network of every address is one', () => {
  const all = parseNetworks(['0.0.0.0/0', '::/0']);
  expect(clientAddress('192.0.2.1', '198.51.100.7, 2001:db8::1', all)).toBe('198.51.100.7');
});
