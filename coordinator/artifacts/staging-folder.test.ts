import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { StagingFolder } from './staging-folder.ts';

const content = 'the bytes of an image';
const image: Artifact = { name: 'image.bin', sha256: sha256Hex(content), sizeBytes: content.length };
const attempt = `${'a'.repeat(64)}.${'1'.repeat(32)}.1`;

let root: string;
let staging: StagingFolder;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wrtfarm-staging-'));
  staging = new StagingFolder(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function* brokenAfter(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* chunks(...texts);
  throw new Error('the connection broke');
}

const staged = async (): Promise<string> =>
  await readFile(staging.completePath(attempt, image.sha256), 'utf8');

test('a disk that cannot be looked at is not taken for one that holds nothing', async () => {
  // A link to itself: the kernel refuses that to root too.
  await symlink(attempt, join(root, attempt));
  for (const look of [staging.held(attempt, image), staging.write(attempt, image, 0, chunks(content))]) {
    await expect(look).rejects.toMatchObject({ code: 'unavailable' });
  }
});

describe('an upload', () => {
  test('is complete once all bytes came and hash right', async () => {
    expect(await staging.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
    const held = { heldBytes: content.length, isComplete: true };
    expect(await staging.write(attempt, image, 0, chunks('the bytes ', 'of an ', 'image'))).toEqual(held);
    expect(await staging.held(attempt, image)).toEqual(held);
    expect(await staged()).toBe(content);
  });

  test('of nothing is complete too', async () => {
    const empty = { name: 'empty', sha256: sha256Hex(''), sizeBytes: 0 };
    expect(await staging.write(attempt, empty, 0, chunks())).toEqual({ heldBytes: 0, isComplete: true });
  });

  test('that broke keeps what came and goes on from there, even by another coordinator', async () => {
    await expect(staging.write(attempt, image, 0, brokenAfter('the ', 'bytes'))).rejects.toMatchObject({
      code: 'infrastructure',
      cause: { message: 'the connection broke' },
    });
    const other = new StagingFolder(root);
    expect(await other.held(attempt, image)).toEqual({ heldBytes: 9, isComplete: false });
    await expect(other.write(attempt, image, 9, brokenAfter(' of'))).rejects.toThrow('broke');
    expect(await staging.write(attempt, image, 12, chunks(' an image'))).toMatchObject({ isComplete: true });
    expect(await staged()).toBe(content);
  });

  test('that ends early is held and not complete', async () => {
    const held = { heldBytes: 3, isComplete: false };
    expect(await staging.write(attempt, image, 0, chunks('the'))).toEqual(held);
    expect(await staging.held(attempt, image)).toEqual(held);
  });

  test.each([0, 2, 4, 1_000])('that was held up to 3 is refused from %i, telling 3', async (offset) => {
    await staging.write(attempt, image, 0, chunks('the'));
    await expect(staging.write(attempt, image, offset, chunks('x'))).rejects.toMatchObject({
      code: 'failed_precondition',
      details: { heldBytes: 3 },
    });
    expect(await staging.held(attempt, image)).toEqual({ heldBytes: 3, isComplete: false });
  });

  test('with other bytes than promised is refused and dropped, and may begin anew', async () => {
    await expect(staging.write(attempt, image, 0, chunks(content.toUpperCase()))).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    expect(await staging.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
    expect(await staging.write(attempt, image, 0, chunks(content))).toMatchObject({ isComplete: true });
  });

  test('that goes on with what does not belong to what was held is refused and dropped', async () => {
    await staging.write(attempt, image, 0, chunks('THE'));
    await expect(staging.write(attempt, image, 3, chunks(' bytes of an image'))).rejects.toMatchObject({
      code: 'failed_precondition',
    });
    expect(await staging.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  });

  test.each([
    ['in one piece', [`${content}!`]],
    ['by its last piece', [content, '!']],
  ])('that is longer than promised, %s, is refused and never complete', async (_how, pieces) => {
    await expect(staging.write(attempt, image, 0, chunks(...pieces))).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining(`longer than its ${content.length} bytes`),
    });
    expect(await staging.held(attempt, image)).toMatchObject({ isComplete: false });
  });

  test('whose coordinator died before the check is checked when it goes on', async () => {
    await staging.write(attempt, image, 0, chunks('t'));
    await writeFile(`${staging.completePath(attempt, image.sha256)}.part`, content);
    expect(await staging.held(attempt, image)).toEqual({ heldBytes: content.length, isComplete: false });
    expect(await staging.write(attempt, image, content.length, chunks())).toMatchObject({ isComplete: true });
    expect(await staged()).toBe(content);
  });

  test('that is complete takes nothing more, from any offset', async () => {
    await staging.write(attempt, image, 0, chunks(content));
    for (const offset of [0, 3, content.length]) {
      expect(await staging.write(attempt, image, offset, chunks('other'))).toMatchObject({
        isComplete: true,
      });
    }
    expect(await staged()).toBe(content);
  });

  test('under a second name is complete at once when its content is', async () => {
    await staging.write(attempt, image, 0, chunks(content));
    expect(await staging.held(attempt, { ...image, name: 'copy.bin' })).toMatchObject({ isComplete: true });
  });

  test('that the disk does not take is not the fault of who sends it', async () => {
    await writeFile(join(root, attempt), 'a file where a folder should be');
    await expect(staging.write(attempt, image, 0, chunks(content))).rejects.toMatchObject({
      code: 'infrastructure',
      message: expect.stringContaining('image.bin cannot be stored: '),
    });
  });
});

test('what an attempt staged is nobody else’s', async () => {
  const other = `${'a'.repeat(64)}.${'1'.repeat(32)}.2`;
  await staging.write(attempt, image, 0, chunks(content));
  expect(await staging.held(other, image)).toEqual({ heldBytes: 0, isComplete: false });
  await staging.write(other, image, 0, chunks('the'));
  await staging.drop(attempt);
  expect(await staging.held(other, image)).toEqual({ heldBytes: 3, isComplete: false });
});

test('dropping forgets all of an attempt and may be repeated', async () => {
  await staging.write(attempt, image, 0, chunks(content));
  await staging.drop(attempt);
  await staging.drop(attempt);
  expect(await staging.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  await expect(stat(join(root, attempt))).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('two writes of one artifact at once', () => {
  test('cannot change each other, nor what was verified and kept', async () => {
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const late = staging.write(
      attempt,
      image,
      0,
      (async function* () {
        await held;
        yield Buffer.from('e'.repeat(content.length));
      })(),
    );
    expect(await staging.write(attempt, image, 0, chunks(content))).toMatchObject({ isComplete: true });
    letGo();
    await expect(late).rejects.toMatchObject({ code: 'failed_precondition' });
    expect(await staged()).toBe(content);
  });

  test('both succeed when both are right', async () => {
    const both = [0, 1].map(() => staging.write(attempt, image, 0, chunks('the bytes ', 'of an image')));
    expect(await Promise.all(both)).toMatchObject([{ isComplete: true }, { isComplete: true }]);
    expect(await readdir(join(root, attempt))).toEqual([image.sha256]);
  });
});

test('an artifact that is held with another size than it is said to have is not complete', async () => {
  await staging.write(attempt, image, 0, chunks(content));
  expect((await staging.held(attempt, { ...image, sizeBytes: 999 })).isComplete).toBe(false);
});

describe('of a file that was begun several times', () => {
  const begun = async (): Promise<readonly string[]> => await readdir(join(root, attempt));

  test('one part stays, the longest', async () => {
    await expect(staging.write(attempt, image, 0, brokenAfter('the '))).rejects.toThrow('broke');
    await expect(staging.write(attempt, image, 4, brokenAfter('bytes'))).rejects.toThrow('broke');
    await expect(staging.write(attempt, image, 9, brokenAfter())).rejects.toThrow('broke');
    expect(await begun()).toHaveLength(1);
    expect((await staging.held(attempt, image)).heldBytes).toBe(9);
  });

  test('none stays without a byte', async () => {
    await expect(staging.write(attempt, image, 0, brokenAfter())).rejects.toThrow('broke');
    expect(await begun()).toEqual([]);
  });

  test('a write that still runs where another one took over brings no harm', async () => {
    let letGo: () => void = () => undefined;
    let sentFirst: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const isSent = new Promise<void>((resolve) => {
      sentFirst = resolve;
    });
    const old = staging.write(
      attempt,
      image,
      0,
      (async function* () {
        yield Buffer.from('the ');
        sentFirst();
        await held;
        yield Buffer.from('BYTES OF AN IMAGE');
      })(),
    );
    await isSent;
    expect(await staging.write(attempt, image, 4, chunks('bytes of an image'))).toMatchObject({
      isComplete: true,
    });
    letGo();
    await expect(old).rejects.toMatchObject({ code: 'failed_precondition' });
    expect(await staged()).toBe(content);
    expect(await begun()).toEqual([image.sha256]);
  });
});

test('no more bytes are taken from a stream than the disk has', async () => {
  const onDisk: number[] = [];
  await staging.write(
    attempt,
    image,
    0,
    (async function* () {
      for (const word of ['the ', 'bytes ', 'of an ', 'image']) {
        // At once: given a moment, a write that nobody awaited would be done too.
        const [part = ''] = readdirSync(join(root, attempt));
        onDisk.push(statSync(join(root, attempt, part)).size);
        yield Buffer.from(word);
      }
    })(),
  );
  expect(onDisk).toEqual([0, 4, 10, 16]);
});
