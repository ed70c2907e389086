import { describe, expect, test } from 'vitest';
import type { BuildRecord } from '../builds/build-record.ts';
import { jobView } from './job-view.ts';
import { sampleRecord } from './sample-record.test.support.ts';

const view = (changes: Partial<BuildRecord>, method: 'POST' | 'GET' = 'GET') =>
  jobView({ ...sampleRecord(), ...changes }, method);

const waitHeaders = { 'x-eta-seconds': '95', 'retry-after': '10' };

describe('a build as clients see it', () => {
  test('queued: a position, no stage, no request', () => {
    expect(view({ state: 'queued', position: 3 })).toEqual({
      status: 202,
      body: {
        status: 202,
        detail: 'queued',
        queue_position: 3,
        eta_seconds: 95,
        enqueued_at: '2026-09-21T14:13:20.123Z',
        request_hash: 'f'.repeat(64),
      },
      headers: {
        'x-imagebuilder-status': 'queued',
        'x-queue-position': '3',
        'x-eta-seconds': '95',
        'retry-after': '10',
      },
    });
  });

  test.each([
    ['running', 'validate_manifest', 'validate_manifest'],
    ['running', null, 'init'],
    ['publishing', 'building_image', 'building_image'],
    ['publishing', null, 'building_image'],
  ] as const)('%s at %s: the stage %s, no position', (state, stage, shown) => {
    const { status, body, headers } = view({ state, stage });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 202, detail: 'started', imagebuilder_status: shown });
    expect(body).toHaveProperty('request.version_code', 'r1-abc');
    expect(body).not.toHaveProperty('queue_position');
    expect(headers).toEqual({ 'x-imagebuilder-status': shown, 'x-queue-position': '0', ...waitHeaders });
    expect(body.eta_seconds).toBe(95);
  });

  test('the request is echoed whole, without the first-boot script', () => {
    const spec = { ...sampleRecord().spec, defaults: 'psk=secret' };
    const { body } = view({ state: 'running', stage: 'init', spec });
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(body.request).toMatchObject({ defaults: null, packages: ['vim'], client: 'test/1' });
  });

  test('done: the answer it ended with', () => {
    const answer = { status: 200, detail: 'done', images: [], enqueued_at: 'old' };
    expect(view({ state: 'done', answer })).toEqual({
      status: 200,
      body: { ...answer, enqueued_at: '2026-09-21T14:13:20.123Z', request_hash: 'f'.repeat(64) },
      headers: { 'x-imagebuilder-status': 'done', 'x-queue-position': '0' },
    });
  });

  test.each(['failed', 'cancelled'] as const)('%s: 500 with the answer it ended with', (state) => {
    const answer = { status: 500, detail: 'Error: it broke', stderr: 'x' };
    const { status, body, headers } = view({ state, answer });
    expect(status).toBe(500);
    expect(body).toMatchObject(answer);
    expect(headers).toEqual({ 'x-imagebuilder-status': 'failed', 'x-queue-position': '0' });
  });

  test('a final state without an answer is our fault', () => {
    expect(() => view({ state: 'done', answer: null })).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });

  test('enqueued_at is written as asu writes it', () => {
    expect(view({ state: 'queued' }, 'POST').body.enqueued_at).toBe('2026-09-21T14:13:20.123+00:00');
    expect(view({ state: 'queued' }, 'GET').body.enqueued_at).toBe('2026-09-21T14:13:20.123Z');
  });

  test('while nobody can say when it begins there is no time, and no hurry to ask again', () => {
    const { body, headers } = view({ state: 'queued', etaMs: null });
    expect(body).not.toHaveProperty('eta_seconds');
    expect(headers).not.toHaveProperty('x-eta-seconds');
    expect(headers['retry-after']).toBe('30');
  });
});
