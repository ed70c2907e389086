import { describe, expect, test } from 'vitest';
import { normalizeUrl } from './normalize-url.ts';

describe('a request target', () => {
  test.each([
    ['//api/v1/build', '/api/v1/build'],
    ['/api//v1///build/?1732', '/api/v1/build?1732'],
    ['/', '/'],
    ['//', '/'],
    ['*', '/*'],
    ['', '/'],
    ['http://host:80//a/b?c=//d', '/a/b?c=//d'],
    ['/a?x=http://y//z', '/a?x=http://y//z'],
    ['/a%2F%2Fb', '/a%2F%2Fb'],
  ])('%s is %s', (target, path) => {
    expect(normalizeUrl(target)).toBe(path);
  });
});
