import { describe, expect, test } from 'vitest';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import { PullAnswerSchema } from '../../shared/messages/pull.ts';
import { inboxPrefix, pullSubject } from '../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { pullAnswer, readPull, replySubject } from './pull-message.ts';

const subject = pullSubject('attic');

describe('a pull', () => {
  test('is answered in the inbox of its agent', () => {
    const reply = `${inboxPrefix('attic')}.1.2`;
    expect(replySubject({ subject, reply })).toBe(reply);
  });

  test.each([
    ['in another agent’s inbox', `${inboxPrefix('cellar')}.1`],
    ['in that of an agent whose name only begins so', `${inboxPrefix('attic-2')}.1`],
    ['in the inbox itself', inboxPrefix('attic')],
    ['in the queue of jobs', 'jobs.open.builder'],
    ['nowhere', undefined],
  ])('that wants its answer %s gets none', (_where, reply) => {
    expect(replySubject(reply === undefined ? { subject } : { subject, reply })).toBeUndefined();
  });

  test('is read as it was sent', () => {
    const pull = firstPull({ agentId: 'attic' });
    expect(readPull({ subject, string: () => JSON.stringify(pull) })).toEqual(pull);
  });

  test('of one agent is not taken from another one', () => {
    const pull = firstPull({ agentId: 'cellar' });
    expect(() => readPull({ subject, string: () => JSON.stringify(pull) })).toThrow(
      'agent attic pulled as cellar',
    );
  });

  test('that is none is refused', () => {
    expect(() => readPull({ subject, string: () => '{}' })).toThrow('pull of attic');
  });
});

test('an answer without orders tells when to pull again, and where', () => {
  const answer = pullAnswer({}, 500, ['127.0.0.1:50051']);
  expect(parseJsonAs(PullAnswerSchema, JSON.stringify(answer), 'answer')).toEqual({
    version: 1,
    cancel: [],
    drain: false,
    nextPullMs: 500,
    coordinators: ['127.0.0.1:50051'],
  });
});
