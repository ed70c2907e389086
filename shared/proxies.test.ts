import { expect, test } from 'vitest';
import { NO_PROXIES, proxiesFrom, proxyVariables } from './proxies.ts';

test('either case is read, lower case first', () => {
  expect(
    proxiesFrom({
      http_proxy: 'http://a',
      HTTP_PROXY: 'http://b',
      HTTPS_PROXY: 'http://c',
      NO_PROXY: 'localhost',
    }),
  ).toEqual({
    http: 'http://a',
    https: 'http://c',
    no: 'localhost',
  });
  expect(proxiesFrom({ http_proxy: '' })).toEqual(NO_PROXIES);
});

test('children get both cases, and nothing where nothing is set', () => {
  expect(proxyVariables({ http: 'http://a', https: '', no: 'x' })).toEqual({
    http_proxy: 'http://a',
    HTTP_PROXY: 'http://a',
    no_proxy: 'x',
    NO_PROXY: 'x',
  });
  expect(proxyVariables(NO_PROXIES)).toEqual({});
});
