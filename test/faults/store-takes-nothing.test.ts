import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { useFarm } from '../support/use-farm.ts';
import { X86 } from '../support/wire-builds.ts';

const TOKEN = 'the-operator-of-this-farm';
const used = useFarm({ agents: 0, coordinator: { adminToken: TOKEN } });
const client = new BuildClient(() => used.farm.url);

test('a build that is cancelled while the artifact store takes nothing is cancelled, and told so when it does', async () => {
  const hash = hashOf(await client.post(X86));
  // A file where the store wants a folder fails as a full disk does, for root too.
  await mkdir(used.farm.artifacts, { recursive: true });
  await writeFile(join(used.farm.artifacts, 'builds'), '');
  const cancelled = await fetch(`${used.farm.url}/api/v1/admin/builds/${hash}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect([cancelled.status, await cancelled.json()]).toEqual([200, { cancelled: hash }]);
  expect((await client.get(hash)).status).toBe(202);
  await rm(join(used.farm.artifacts, 'builds'));
  const final = await client.final(hash);
  expect([final.status, final.body.detail]).toEqual([500, 'Error: Build cancelled']);
});
