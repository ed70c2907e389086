import { describe, expect, test } from 'vitest';
import { isRepositoryAllowed } from './repository-policy.ts';

const ALLOW = ['https://ok.example/allowed', 'http://feeds.example:8080/'];

describe('repositories', () => {
  test.each([
    'https://ok.example/allowed',
    'https://ok.example/allowed/packages.adb',
    'https://ok.example:443/allowed/x',
    'http://feeds.example:8080/any/thing',
  ])('%s is allowed', (url) => {
    expect(isRepositoryAllowed(url, ALLOW)).toBe(true);
  });

  test.each([
    'https://ok.example/allowed-not',
    'https://ok.example/allowed/../other',
    'https://ok.example/allowed/%2e%2e/other',
    'https://ok.example/allowed/./x',
    'https://ok.example:8443/allowed/x',
    'http://ok.example/allowed/x',
    'https://user@ok.example/allowed/x',
    'https://ok.example@evil.example/allowed/x',
    'https://evil.example/allowed/x',
    'http://feeds.example/x',
    'https://ok.example/allowed/$(id)',
    'https://ok.example/allowed/\\..\\x',
    'https://ok.example/allowed/x#y',
    'https://',
  ])('%s is not', (url) => {
    expect(isRepositoryAllowed(url, ALLOW)).toBe(false);
  });

  test('an empty list allows none', () => {
    expect(isRepositoryAllowed('https://ok.example/allowed', [])).toBe(false);
  });
});
