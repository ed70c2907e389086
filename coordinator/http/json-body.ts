import { isUtf8 } from 'node:buffer';
import { FarmError } from '../../shared/errors.ts';
import { FieldProblems } from './field-problems.ts';

/**
 * As long as a request may ordinarily be, characters: a longer text is looked at before it is parsed, and not searched for where
 * it stops being JSON.
 */
const ORDINARY = 65_536;
/** Most lists, objects and members of objects in a long text: each is slow to make, and no request has as many. */
const MAX_PARTS = 10_000;
const UNREADABLE = 'There was an error parsing the body';

/** The bytes of a request's body, as the server's parser leaves them; none when there is no body. */
export function bodyOf(request: { readonly body: unknown }): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

/**
 * A request's body as FastAPI reads it: JSON when its content type says so, else just a text (contract 2.2).
 * @throws FarmError `invalid_request`, in the 422 form for broken JSON and no body at all.
 */
export function readJsonBody(body: Buffer, contentType: string | undefined): unknown {
  if (body.byteLength === 0) return failMissing();
  if (!isUtf8(body)) throw new FarmError('invalid_request', UNREADABLE);
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  if (!isJson(contentType)) return text;
  if (text.length > ORDINARY && hasManyParts(text)) throw new FarmError('invalid_request', UNREADABLE);
  const value = parseJson(text);
  return value === null ? failMissing() : value;
}

function isJson(contentType: string | undefined): boolean {
  const [type = ''] = (contentType ?? '').split(';');
  return /^application\/(json|[^/]+\+json)$/i.test(type.trim());
}

function failMissing(): never {
  return new FieldProblems().fail('missing', [], 'Field required', null);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const error = isAtEnd(thrown, text) ? 'Unexpected end of input' : 'Unexpected character';
    return new FieldProblems().fail(
      'json_invalid',
      [offsetOfError(text)],
      'JSON decode error',
      {},
      { error },
    );
  }
}

/** The first character that cannot go on what precedes it. V8 does not always say. */
function offsetOfError(text: string): number {
  if (text.length > ORDINARY || hasManyParts(text)) return 0;
  let fine = 0;
  let broken = text.length + 1;
  while (broken - fine > 1) {
    const middle = Math.floor((fine + broken) / 2);
    if (isBeginning(text.slice(0, middle))) fine = middle;
    else broken = middle;
  }
  return fine;
}

/** Whether more characters could make this text JSON. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (thrown) {
    return isAtEnd(thrown, text);
  }
}

/** Whether a text stops being JSON only because it ends: V8 then says so, or names the position behind it. */
function isAtEnd(thrown: unknown, text: string): boolean {
  const position = /position (\d+)/.exec(String(thrown))?.[1];
  return position === undefined ? String(thrown).includes('Unexpected end') : Number(position) >= text.length;
}

/** Tells it by the brackets and colons outside of quotes, in one pass, also of what is not JSON. */
function hasManyParts(text: string): boolean {
  let parts = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted) parts += character === '[' || character === '{' || character === ':' ? 1 : 0;
    else if (character === '\\') at += 1;
    if (parts > MAX_PARTS) return true;
  }
  return false;
}
