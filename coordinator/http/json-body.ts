import { isUtf8 } from 'node:buffer';
import { FarmError } from '../../shared/errors.ts';
import { FieldProblems } from './field-problems.ts';

/** Texts up to this long are searched for where they stop being JSON, characters. */
const MAX_SEARCHED = 65_536;

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
  if (!isUtf8(body)) throw new FarmError('invalid_request', 'There was an error parsing the body');
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  if (!isJson(contentType)) return text;
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
  } catch {
    const error = isEnd(text) ? 'Unexpected end of input' : 'Unexpected character';
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
  if (text.length > MAX_SEARCHED) return 0;
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
  } catch {
    return isEnd(text);
  }
}

/** Whether a text stops being JSON only because it ends: V8 then says so, or names the position behind it. */
function isEnd(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (thrown) {
    const position = /position (\d+)/.exec(String(thrown))?.[1];
    return position === undefined
      ? String(thrown).includes('Unexpected end')
      : Number(position) >= text.length;
  }
}
