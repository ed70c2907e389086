import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, hashFor } from '../support/wire-builds.ts';

/* What a page of another origin sees of a build with the browser's own EventSource. */

const used = useFarm({ agents: 0 });
let browser: TestBrowser;

beforeAll(async () => {
  browser = await startBrowser(join(import.meta.dirname, 'pages'));
});
afterAll(() => browser?.[Symbol.asyncDispose]());

interface Told {
  readonly states: readonly { readonly state: string; readonly stage: string | null }[];
  readonly lines: readonly string[];
  readonly answer: Readonly<Record<string, unknown>>;
  readonly opens: number;
}

test('a page follows a build to its end, and then does not come back', async () => {
  const hash = await hashFor(used.wire, { ...ARCHER, packages: ['vim', 'knob-slow-2'] });
  const page = await browser.open('events.html');
  const url = `${used.farm.url}/api/v1/build/${hash}/events`;
  const answers: number[] = [];
  page.on('response', (response) => {
    if (response.url() === url) answers.push(response.status());
  });
  const following = page.evaluate<Told>(`follow(${JSON.stringify(url)})`);
  await page.waitForFunction('globalThis.told?.states.length > 0');
  await used.farm.startAgent('agent-1');
  const told = await following;
  await page.context().close();
  expect(told.states.map(({ state, stage }) => stage ?? state)).toEqual(
    expect.arrayContaining(['queued', 'building_image']),
  );
  const log = await (await fetch(`${used.farm.url}/api/v1/build/${hash}/log`)).text();
  expect(told.lines).toEqual(log.trimEnd().split('\n'));
  expect(told.answer).toEqual((await used.wire.get(`/api/v1/build/${hash}`)).json);
  // The browser did come back, by the id of the last event, and was told that there is no more.
  expect(answers).toEqual([200, 204]);
  expect(told.opens).toBe(1);
});
