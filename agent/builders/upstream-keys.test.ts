import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OPENWRT_KEYS } from '../../shared/domain/upstream-keys.ts';
import { hasCode } from '../../shared/errors.ts';
import { createUsignKeyPair, parseUsignPublicKey } from '../../shared/usign.ts';
import { loadUpstreamKeys, trustedKeys, UNOFFICIAL_KEYS } from './upstream-keys.ts';

test("OpenWrt's keys sign OpenWrt only; added keys sign everything", () => {
  const added = parseUsignPublicKey(createUsignKeyPair('mine').publicKeyFile);
  expect(trustedKeys('openwrt', [added]).map((key) => key.keyId)).toEqual([
    ...OPENWRT_KEYS.map((key) => key.keyId),
    added.keyId,
  ]);
  expect(trustedKeys('immortalwrt', [added])).toEqual([added]);
});

test('keys that only claim to be official are not among them', () => {
  const official = new Set(OPENWRT_KEYS.map((key) => key.keyId));
  expect(UNOFFICIAL_KEYS.filter((key) => official.has(key.keyId))).toEqual([]);
});

test('key files are read, and one that is none is named', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wrtfarm-keys-'));
  const { keyId, publicKeyFile } = createUsignKeyPair('mine');
  writeFileSync(join(directory, 'good.pub'), publicKeyFile);
  writeFileSync(join(directory, 'bad.pub'), 'nonsense');
  expect((await loadUpstreamKeys([join(directory, 'good.pub')])).map((key) => key.keyId)).toEqual([keyId]);
  for (const name of ['bad.pub', 'missing.pub']) {
    const failure = loadUpstreamKeys([join(directory, 'good.pub'), join(directory, name)]);
    await expect(failure).rejects.toSatisfy((thrown) => hasCode(thrown, 'invalid_request'));
    await expect(loadUpstreamKeys([join(directory, name)])).rejects.toThrow(name);
  }
  rmSync(directory, { recursive: true });
});
