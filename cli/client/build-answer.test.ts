import { expect, test } from 'vitest';
import { readBuildAnswer } from './build-answer.ts';

const hash = 'a'.repeat(64);

test('a waiting build tells its position, a running one its stage', () => {
  expect(readBuildAnswer(202, { request_hash: hash, queue_position: 3, eta_seconds: 90 })).toEqual({
    kind: 'queued',
    hash,
    position: 3,
    etaSeconds: 90,
  });
  expect(readBuildAnswer(202, { request_hash: hash, imagebuilder_status: 'init' })).toEqual({
    kind: 'running',
    hash,
    stage: 'init',
  });
});

test('a failed build tells its reason and output', () => {
  const body = { request_hash: hash, detail: 'Error: too big', stdout: 'out', stderr: 'err' };
  expect(readBuildAnswer(500, body)).toEqual({
    kind: 'failed',
    what: 'build',
    status: 500,
    reason: 'Error: too big',
    output: 'out\nerr',
  });
});

test('a refused request tells why, in words also where the server sends a list', () => {
  const refused = { kind: 'failed', what: 'request' };
  expect(readBuildAnswer(400, { detail: 'Unsupported profile: x', status: 400 })).toMatchObject({
    ...refused,
    reason: 'Unsupported profile: x',
  });
  const problems = [{ type: 'missing', loc: ['body', 'target'], msg: 'Field required' }];
  expect(readBuildAnswer(422, { detail: problems })).toMatchObject({
    ...refused,
    reason: 'target: Field required',
  });
  expect(readBuildAnswer(502, undefined)).toMatchObject({ ...refused, reason: 'the server answers 502' });
});

test('a folder name that leads elsewhere is not accepted', () => {
  const body = { request_hash: hash, bin_dir: '../x', images: [], manifest: {}, version_number: '1' };
  expect(() => readBuildAnswer(200, body)).toThrow(/bin_dir/);
});
