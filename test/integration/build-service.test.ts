import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATOR } from '../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import type { BuildService } from '../../coordinator/builds/build-service.ts';
import { FarmError } from '../../shared/errors.ts';
import { BuildFarm, requestFor } from '../support/build-farm.ts';
import { finishBuild } from '../support/finish-build.ts';

let farm: BuildFarm;
let service: BuildService;

beforeAll(async () => {
  farm = await BuildFarm.start();
  service = farm.builds.service;
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

function asked(changes: Partial<ResolvedRequest> & { readonly versionCode?: string } = {}): ResolvedRequest {
  const { versionCode = '', ...rest } = changes;
  const request = requestFor('vim');
  return { ...request, spec: { ...request.spec, versionCode }, ...rest };
}

const outdated = new FarmError('invalid_request', 'Received incorrect version r2-b (requested r1-a)');
const rebuilt = { ...asked().source, digest: 'e'.repeat(64) };

test('who insists on a revision that upstream no longer has is given what was built of it', async () => {
  const { requestHash } = await service.submit(asked({ versionCode: 'r1-a' }), () => OPERATOR);
  await finishBuild(farm, requestHash);
  const later = asked({ versionCode: 'r1-a', source: rebuilt, outdated });
  expect(await service.submit(later, () => OPERATOR)).toMatchObject({ requestHash, state: 'done' });
});

test('and is refused where nothing was', async () => {
  const later = asked({ versionCode: 'r0-z', source: rebuilt, outdated });
  await expect(service.submit(later, () => OPERATOR)).rejects.toBe(outdated);
  expect(await service.queuedCount()).toBe(0);
});

test('who does not insist gets the image of the builder that upstream has now', async () => {
  const first = await service.submit(asked(), () => OPERATOR);
  await finishBuild(farm, first.requestHash);
  expect(await service.submit(asked(), () => OPERATOR)).toMatchObject({ state: 'done' });
  const anew = await service.submit(asked({ source: rebuilt }), () => OPERATOR);
  expect(anew).toMatchObject({ requestHash: first.requestHash, state: 'queued', source: rebuilt });
  expect(anew.generation).not.toBe(first.generation);
});
