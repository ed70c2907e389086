import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  artifact,
  attempt,
  buildJson,
  chunks,
  contentOf,
  finish,
  firstGeneration,
  folder,
  requestHash,
} from '../../coordinator/artifacts/artifact-store.test.support.ts';
import type { ArtifactStore } from '../../coordinator/artifacts/artifact-store.ts';
import { EVERY_STORE, type OpenedStore } from '../support/every-store.ts';

/* What holds for uploads into every artifact store. */

describe.each(EVERY_STORE)('in %s', (_where, open) => {
  let opened: OpenedStore;
  let store: ArtifactStore;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  describe('an upload', () => {
    const content = 'the bytes of an image';
    const image = artifact('image.bin', content);
    const none = { heldBytes: 0, isComplete: false };
    const whole = { heldBytes: content.length, isComplete: true };

    test('is complete once all bytes came and hash right, for every coordinator', async () => {
      expect(await store.held(attempt, image)).toEqual(none);
      expect(await store.write(attempt, image, 0, chunks('the bytes ', 'of an ', 'image'))).toEqual(whole);
      for (const each of [store, await opened.another()])
        expect(await each.held(attempt, image)).toEqual(whole);
    });

    test('of nothing is complete too, and served', async () => {
      await finish(store, { empty: '' });
      expect(await contentOf(store, folder, 'empty')).toBe('');
    });

    test('that broke goes on where it stopped', async () => {
      const broken = async function* () {
        yield* chunks('the bytes');
        throw new Error('the connection broke');
      };
      await expect(store.write(attempt, image, 0, broken())).rejects.toMatchObject({
        code: 'infrastructure',
      });
      expect(await store.held(attempt, image)).toEqual({ heldBytes: 9, isComplete: false });
      expect(await store.write(attempt, image, 9, chunks(' of an image'))).toEqual(whole);
    });

    test('that another coordinator takes over goes on from what that one says it holds', async () => {
      await store.write(attempt, image, 0, chunks('the bytes'));
      const other = await opened.another();
      const { heldBytes } = await other.held(attempt, image);
      expect(await other.write(attempt, image, heldBytes, chunks(content.slice(heldBytes)))).toEqual(whole);
      expect(await store.held(attempt, image)).toEqual(whole);
    });

    test('with other bytes than promised is refused and dropped', async () => {
      const wrong = store.write(attempt, image, 0, chunks(content.toUpperCase()));
      await expect(wrong).rejects.toMatchObject({ code: 'failed_precondition' });
      expect(await store.held(attempt, image)).toEqual(none);
    });

    test('from a wrong offset is refused, telling the right one', async () => {
      await store.write(attempt, image, 0, chunks('the'));
      await expect(store.write(attempt, image, 4, chunks('x'))).rejects.toMatchObject({
        code: 'failed_precondition',
        details: { heldBytes: 3 },
      });
    });

    test('that is complete takes nothing more, from any offset', async () => {
      await store.write(attempt, image, 0, chunks(content));
      for (const offset of [0, 3, content.length]) {
        expect(await store.write(attempt, image, offset, chunks('other'))).toEqual(whole);
      }
      await store.makePermanent(attempt, folder, [image]);
      await store.commit(buildJson({ artifacts: [image] }));
      expect(await contentOf(store, folder, 'image.bin')).toBe(content);
    });

    test('done twice at once is done', async () => {
      let begun = 0;
      let goOn: () => void = () => undefined;
      const bothBegun = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const slow = async function* () {
        begun += 1;
        if (begun === 2) goOn();
        await bothBegun;
        yield* chunks('the bytes ', 'of an image');
      };
      const both = [0, 1].map(() => store.write(attempt, image, 0, slow()));
      expect(await Promise.all(both)).toEqual([whole, whole]);
      expect(await store.held(attempt, image)).toEqual(whole);
    });

    test('is its attempt’s alone, and forgotten with it', async () => {
      const next = `${requestHash}.${firstGeneration}.2`;
      await store.write(attempt, image, 0, chunks(content));
      expect(await store.held(next, image)).toEqual(none);
      await store.write(next, image, 0, chunks(content));
      await store.drop(attempt);
      await store.drop(attempt);
      expect(await store.held(attempt, image)).toEqual(none);
      expect(await store.held(next, image)).toEqual(whole);
    });

    test('is known by its attempt until that is dropped, whole or not', async () => {
      expect(await store.stagedBefore(-1)).toEqual([]);
      await store.write(attempt, image, 0, chunks('the'));
      expect(await store.stagedBefore(-1)).toEqual([attempt]);
      await store.write(attempt, image, 3, chunks(content.slice(3)));
      expect(await store.stagedBefore(-1)).toEqual([attempt]);
      expect(await store.stagedBefore(60_000)).toEqual([]);
      await store.drop(attempt);
      expect(await store.stagedBefore(-1)).toEqual([]);
    });
  });
});
