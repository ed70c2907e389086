import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;

beforeAll(async () => {
  farm = await startFarm();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

async function post(body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${farm.url}/api/v1/build`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test.each([
  { flavour: 'opkg in .tar.xz', version: '23.05.6', target: 'ath79/generic', profile: '8dev_carambola2' },
  { flavour: 'opkg in .tar.zst', version: '24.10.4', target: 'x86/64', profile: 'generic' },
  { flavour: 'apk', version: '25.12.0', target: 'mediatek/filogic', profile: 'openwrt_one' },
  {
    flavour: 'apk of a snapshot',
    version: 'SNAPSHOT',
    target: 'ath79/generic',
    profile: 'tplink_archer-c7-v5',
  },
])(
  'an image is built with $flavour, and its bytes are what the answer says',
  async ({ version, target, profile }) => {
    const request = { version, target, profile, packages: ['vim', 'tmux'], client: 'test/1' };
    const first = await post(request);
    expect(first).toMatchObject({ status: 202, body: { detail: 'queued', queue_position: 0 } });
    const hash = String(first.body.request_hash);
    const done = await eventually(async () => {
      const response = await fetch(`${farm.url}/api/v1/build/${hash}`);
      const body = (await response.json()) as Record<string, unknown>;
      if (response.status === 202) throw new Error(JSON.stringify(body));
      return { status: response.status, body };
    }, 60_000);
    expect(done.status, JSON.stringify(done.body)).toBe(200);
    const {
      images,
      bin_dir: binDir,
      manifest,
    } = done.body as {
      images: { name: string; sha256: string }[];
      bin_dir: string;
      manifest: Record<string, string>;
    };
    expect(Object.keys(manifest)).toEqual(expect.arrayContaining(['vim', 'tmux', 'base-files']));
    expect(images.length).toBeGreaterThan(0);
    for (const image of images) {
      const bytes = Buffer.from(
        await (await fetch(`${farm.url}/store/${binDir}/${image.name}`)).arrayBuffer(),
      );
      expect(sha256Hex(bytes)).toBe(image.sha256);
    }
    const log = await (await fetch(`${farm.url}/api/v1/build/${hash}/log`)).text();
    expect(log).toContain('make image');
  },
);
