import { expect, test } from 'vitest';
import type { Finish } from '../../proto/generated/wrtfarm/v1/Finish.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import type { AttemptResult } from '../../shared/domain/attempt-result.ts';
import { finishMessage } from './finish-message.ts';

const { Run } = loadAttemptProtocol().wrtfarm.v1.Attempts.service;

/** The message as the other side gets it. */
function received(finish: Finish) {
  return Run.requestDeserialize(Run.requestSerialize({ finish })).finish;
}

const image = { name: 'image.bin', sha256: 'a'.repeat(64), sizeBytes: 3 };
const log = { name: 'buildlog.txt', sha256: 'b'.repeat(64), sizeBytes: 2 ** 31 };
const output = { stdout: 'said', stderr: 'wärned', buildCommand: ['make', 'image'] };

test('a success travels with all it made, the log among the files', () => {
  const result: AttemptResult = {
    outcome: 'succeeded',
    output,
    artifacts: [image],
    profilesJson: '{"profiles":{}}',
    manifest: { vim: '9.1~2' },
    buildPackages: ['vim', '-ppp'],
  };
  expect(received(finishMessage(result, [image, log]))).toEqual({
    artifacts: [image, log],
    output,
    outcome: 'succeeded',
    succeeded: {
      profilesJson: '{"profiles":{}}',
      manifest: { vim: '9.1~2' },
      buildPackages: ['vim', '-ppp'],
    },
  });
});

test('a failure travels with its reason and its files', () => {
  const result: AttemptResult = {
    outcome: 'failed',
    output,
    artifacts: [],
    failure: 'too_big',
    reason: 'too big',
  };
  expect(received(finishMessage(result, [log]))).toEqual({
    artifacts: [log],
    output,
    outcome: 'failed',
    failed: { failure: 'too_big', reason: 'too big' },
  });
});

test('a breakage is nobody’s result: it travels with its reason alone', () => {
  const result: AttemptResult = { outcome: 'broken', breakage: 'disk', reason: 'no space left' };
  expect(received(finishMessage(result, [log]))).toEqual({
    artifacts: [],
    output: null,
    outcome: 'broken',
    broken: { breakage: 'disk', reason: 'no space left' },
  });
});
