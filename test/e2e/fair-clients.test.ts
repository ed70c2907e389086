import { expect, test } from 'vitest';
import { useFarm } from '../support/use-farm.ts';
import { X86 } from '../support/wire-builds.ts';

const KEY = 'k3y-of-the-nightly-job';
const used = useFarm({ agents: 0, coordinator: { apiKeys: `nightly:${KEY}`, trustedProxies: '127.0.0.1' } });

/** Distinct choices of these packages, so that each is a build of its own. */
function choices(count: number): readonly (readonly string[])[] {
  const names = ['vim', 'tmux', 'htop', 'luci'];
  return Array.from({ length: count }, (_, at) => names.filter((_name, bit) => (at + 1) & (1 << bit)));
}

async function ask(packages: readonly string[], headers: Record<string, string>): Promise<number> {
  const reply = await used.wire.post('/api/v1/build', { ...X86, packages }, headers);
  expect(reply.status, reply.text).toBe(202);
  return Number(reply.json.queue_position);
}

test('who asks for one image is behind one build of who asked for many, and before all of a script', async () => {
  const [wanted = [], ...others] = choices(15);
  for (const packages of others.slice(0, 4)) await ask(packages, { Authorization: `Bearer ${KEY}` });
  for (const packages of others.slice(4)) await ask(packages, { 'X-Forwarded-For': '192.0.2.1' });
  expect(await ask(wanted, { 'X-Forwarded-For': '10.9.9.9, 198.51.100.7' })).toBe(1);
});
