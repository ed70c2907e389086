import { finishBuild } from '../support/finish-build.ts';
import { packageNames } from '../support/upstream/large-catalog-content.ts';
import type { BareAnswer } from './bare-process.ts';
import { type BenchFarm, startBenchFarm } from './bench-farm.ts';
import { type BenchProcess, startProcess } from './child-process.ts';
import { COUNTER, type LoadPlan, type LoadResult } from './load.ts';

/*
 * How much of what node:http can do at all the client API does. Both servers answer the same bytes with the same headers in the
 * same run, in short turns, so that a noisy machine troubles them alike. Ends with 1 when a reach is missed.
 */

const CONNECTIONS = [1, 16, 64];
/** Turns of each server per measurement, and their length, milliseconds. */
const TURNS = 5;
const TURN_MS = 400;
const WARM_UP_MS = 1_200;

interface Case {
  readonly name: string;
  readonly path: string;
  readonly requests: readonly string[];
  readonly status: number;
  /** Least part of the bare server's requests per second. */
  readonly reach?: number;
}

interface Measured {
  readonly name: string;
  readonly connections: number;
  readonly ours: LoadResult;
  readonly bare: LoadResult;
  /** What ours does of the bare server's requests per second: the middle of what each turn showed. */
  readonly part: number;
  readonly reach: number | undefined;
}

await using farm = await startBenchFarm({ releases: 2 }, {}, process.execArgv);
await using loader = startProcess('load-process.js');
const cases = await prepare(farm);
await using bare = startProcess('bare-process.js');
const barePort = await bare.ask<number>(await Promise.all(cases.map((each) => recordAnswer(farm.url, each))));
const farmPort = Number(new URL(farm.url).port);
const measured: Measured[] = [];
for (const each of cases) {
  for (const port of [farmPort, barePort]) await turn(loader, each, port, 16, WARM_UP_MS);
  for (const connections of CONNECTIONS) measured.push(await measure(each, connections));
}
process.exitCode = report(measured) ? 0 : 1;

/**
 * Builds in the states asked about. All bodies mean one build: an equal one each time, and ones that no server has seen, with
 * the same packages in a hundred orders and another client each time.
 */
async function prepare(farm: BenchFarm): Promise<readonly Case[]> {
  const { url } = farm;
  const names = packageNames(10_000).filter((_name, at) => at % 100 === 3);
  const request = { version: '25.12.0', target: 'x86/64', profile: 'generic', diff_packages: true };
  const bodyOf = (turned: number, client: string): string => {
    const packages = [...names.slice(turned), ...names.slice(0, turned)];
    return JSON.stringify({ ...request, client, filesystem: 'squashfs', packages });
  };
  const done = await post(url, bodyOf(0, 'bench/1'));
  await finishBuild(farm, done);
  const queued = await post(url, JSON.stringify({ ...request, packages: names.slice(0, 7) }));
  const getPath = `/api/v1/build/${done}`;
  const pollPath = `/api/v1/build/${queued}`;
  const postPath = '/api/v1/build';
  const equal = bodyOf(0, 'bench/1');
  const everNew = names.map((_name, at) => httpPost(postPath, bodyOf(at, `bench/${COUNTER}`)));
  process.stdout.write(`request body ${equal.length} bytes, ${names.length} packages\n`);
  return [
    { name: 'GET finished', path: getPath, requests: [httpGet(getPath)], status: 200, reach: 0.7 },
    { name: 'POST cached', path: postPath, requests: [httpPost(postPath, equal)], status: 200, reach: 0.6 },
    { name: 'POST, body never seen', path: postPath, requests: everNew, status: 200 },
    { name: 'status poll', path: pollPath, requests: [httpGet(pollPath)], status: 202 },
    {
      name: 'overview',
      path: '/json/v1/overview.json',
      requests: [httpGet('/json/v1/overview.json')],
      status: 200,
    },
  ];
}

async function post(url: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v1/build`, { method: 'POST', headers, body });
  const answer = (await response.json()) as { request_hash?: string };
  if (answer.request_hash === undefined) throw new Error(`not accepted: ${JSON.stringify(answer)}`);
  return answer.request_hash;
}

function httpGet(path: string): string {
  return encode(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\n\r\n`);
}

function httpPost(path: string, body: string): string {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nContent-Type: application/json\r\n`;
  return encode(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** What the farm answers, for the bare server to answer too. */
async function recordAnswer(url: string, { path, requests, status }: Case): Promise<BareAnswer> {
  const [head = '', body] = Buffer.from(requests[0] ?? '', 'base64')
    .toString()
    .split('\r\n\r\n');
  const method = head.slice(0, head.indexOf(' '));
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url + path, method === 'POST' ? { method, headers, body: body ?? '' } : {});
  if (response.status !== status) throw new Error(`${method} ${path} answers ${response.status}`);
  const ours = ['date', 'connection', 'keep-alive', 'content-length'];
  return {
    path: `${method} ${path}`,
    status,
    body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    headers: Object.fromEntries([...response.headers].filter(([name]) => !ours.includes(name))),
  };
}

async function measure(each: Case, connections: number): Promise<Measured> {
  const ours: LoadResult[] = [];
  const theirs: LoadResult[] = [];
  for (let at = 0; at < TURNS; at += 1) {
    ours.push(await turn(loader, each, farmPort, connections, TURN_MS));
    theirs.push(await turn(loader, each, barePort, connections, TURN_MS));
  }
  return {
    name: each.name,
    connections,
    ours: middle(ours),
    bare: middle(theirs),
    part: median(ours.map((result, at) => result.perSecond / (theirs[at]?.perSecond ?? 1))),
    reach: each.reach,
  };
}

function turn(
  process: BenchProcess,
  each: Case,
  port: number,
  connections: number,
  durationMs: number,
): Promise<LoadResult> {
  const plan: LoadPlan = { port, requests: each.requests, status: each.status, connections, durationMs };
  return process.ask<LoadResult>(plan);
}

function middle(results: readonly LoadResult[]): LoadResult {
  const sorted = [...results].sort((left, right) => left.perSecond - right.perSecond);
  const found = sorted[Math.floor(sorted.length / 2)];
  if (!found) throw new Error('nothing was measured');
  return found;
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

/** Prints a table. @returns whether every reach is met. */
function report(all: readonly Measured[]): boolean {
  const print = (...cells: readonly string[]): void => {
    const [first = '', ...rest] = cells;
    process.stdout.write(`${first.padEnd(24)}${rest.map((cell) => cell.padStart(11)).join('')}\n`);
  };
  print('', 'connections', 'req/s', 'p99 ms', 'bare req/s', 'bare p99', 'part', 'reach');
  const missed: string[] = [];
  for (const { name, connections, ours, bare: theirs, part, reach } of all) {
    const verdict =
      reach === undefined ? '' : `${Math.round(reach * 100)} % ${part >= reach ? 'met' : 'MISSED'}`;
    if (reach !== undefined && part < reach) missed.push(`${name} at ${connections}`);
    const rate = (result: LoadResult): string => Math.round(result.perSecond).toLocaleString('en');
    const p99 = (result: LoadResult): string => result.p99Ms.toFixed(2);
    const percent = `${Math.round(part * 100)} %`;
    print(name, String(connections), rate(ours), p99(ours), rate(theirs), p99(theirs), percent, verdict);
  }
  process.stdout.write(missed.length === 0 ? 'every reach is met\n' : `missed: ${missed.join(', ')}\n`);
  return missed.length === 0;
}
