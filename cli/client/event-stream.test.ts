import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatEvent, formatRetry, HEARTBEAT } from '../../coordinator/http/sse.ts';
import { EventStream, type StreamedEvent } from './event-stream.ts';

/** Reads a text that comes in pieces of these sizes, the rest at once. */
function read(text: string | Buffer, sizes: readonly number[] = []) {
  const bytes = Buffer.from(text as string);
  const stream = new EventStream();
  const events: StreamedEvent[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    events.push(...stream.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return { events, stream };
}

const anyLine = fc
  .array(fc.constantFrom('a', 'é', '→', '🛠', ' ', ':', 'data: ', '\t', '\ufeff'), { maxLength: 8 })
  .map((parts) => parts.join(''));
const anyEvent = fc.record({
  event: fc.constantFrom('state', 'log', 'done'),
  id: fc.stringMatching(/^[0-9a-f-]{1,12}$/),
  lines: fc.array(anyLine, { minLength: 1, maxLength: 4 }),
});
const anySizes = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 200 });

test('events are whole however their bytes are cut, and whatever ends their lines', () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 6 }),
      anySizes,
      fc.constantFrom('\n', '\r\n', '\r'),
      (sent, sizes, lineEnd) => {
        const text = sent.map((each) => `${formatEvent(each)}${HEARTBEAT}`).join('');
        const { events } = read(text.replaceAll('\n', lineEnd), sizes);
        expect(events.map(({ event, data }) => [event, data])).toEqual(
          sent.map(({ event, lines }) => [event, lines.join('\n')]),
        );
      },
    ),
  );
});

test('an event that breaks off is none, so whoever goes on at the id of the last one misses nothing', () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      anySizes,
      (sent, cut, sizes) => {
        const bytes = Buffer.concat(sent.map(formatEvent));
        const before = read(bytes.subarray(0, cut % bytes.length), sizes).events;
        const next = sent.slice(before.length);
        expect(next).not.toEqual([]);
        expect(before.at(-1)?.id).toBe(sent[before.length - 1]?.id);
        const after = read(Buffer.concat(next.map(formatEvent))).events;
        expect([...before, ...after].map(({ data }) => data)).toEqual(
          sent.map(({ lines }) => lines.join('\n')),
        );
      },
    ),
  );
});

test('what the standard gives as examples is read as it says', () => {
  const { events, stream } = read(
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata\n\ndata\ndata\n\ndata:',
  );
  expect(events).toEqual([
    { event: 'message', data: 'first event', id: '1' },
    { event: 'message', data: 'second event', id: '' },
    { event: 'message', data: ' third event', id: '' },
    { event: 'message', data: '', id: '' },
    { event: 'message', data: '\n', id: '' },
  ]);
  expect(stream.retryMs).toBeUndefined();
});

test('the server says how long to wait before coming back', () => {
  expect(read(formatRetry(1_500)).stream.retryMs).toBe(1_500);
  expect(read('retry: soon\n\n').stream.retryMs).toBeUndefined();
});
