import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactFile } from '../../../agent/upload/write-artifact.ts';
import { sha256Hex } from '../../../shared/digest.ts';
import { attemptKey } from '../../../shared/domain/lease.ts';
import { lendLease } from '../../support/lend-lease.ts';
import { startBenchFarm } from '../bench-farm.ts';
import { startProcess } from '../child-process.ts';
import { percent, type Reach, report } from '../reach.ts';
import type { SendPlan } from './sender-process.ts';

/*
 * How fast an agent's files come into a coordinator: its own upload, over gRPC into the store, beside plain TCP connections into files
 * that are hashed and synced as well. Both in short turns of one run, on loopback and 50 ms away. Ends with 1 when a reach is missed.
 */

const MB = 1_000_000;
const TURNS = 7;
const ROUND_TRIP_MS = 50;
/** Least part of plain TCP on loopback. */
const LOOPBACK_REACH = 0.5;
/** Least speed over the distance, MB/s. */
const FAR_REACH = 60;

interface Measured {
  readonly name: string;
  /** MB/s, the middle of all turns. */
  readonly ours: number;
  readonly plain: number;
  /** Ours in parts of plain: the middle of what each turn showed. */
  readonly part: number;
}

const farmKey = randomBytes(32).toString('hex');
await using farm = await startBenchFarm({ releases: 1 }, { farmKey }, process.execArgv);
await using raw = startProcess('upload/raw-process.js');
await using proxy = startProcess('upload/proxy-process.js');
await using sender = startProcess('upload/sender-process.js');

const files = join(farm.artifactsFolder, 'to-send');
await mkdir(files, { recursive: true });
const image = [await fileOf('image', 128 * MB)];
const small = await Promise.all(Array.from({ length: 20 }, (_each, at) => fileOf(`small-${at}`, 0.5 * MB)));

const near = { ours: (await farm.facts()).grpcAddress, plain: await raw.ask<string>(files) };
const far = { ours: await lineTo(near.ours), plain: await lineTo(near.plain) };
const oneNear = await measure('loopback, 1 × 128 MB', near, image);
const smallNear = await measure('loopback, 20 × 0.5 MB', near, small);
const oneFar = await measure(`${ROUND_TRIP_MS} ms, 1 × 128 MB`, far, image);
const smallFar = await measure(`${ROUND_TRIP_MS} ms, 20 × 0.5 MB`, far, small);
print([oneNear, smallNear, oneFar, smallFar]);
process.exitCode = report(reachesOf(oneNear, oneFar)) ? 0 : 1;

async function fileOf(name: string, sizeBytes: number): Promise<ArtifactFile> {
  const bytes = randomBytes(sizeBytes);
  const path = join(files, name);
  await writeFile(path, bytes);
  return { path, artifact: { name, sha256: sha256Hex(bytes), sizeBytes } };
}

async function lineTo(target: string): Promise<string> {
  return await proxy.ask<string>({ target, delayMs: ROUND_TRIP_MS / 2 });
}

async function measure(
  name: string,
  addresses: { readonly ours: string; readonly plain: string },
  toSend: readonly ArtifactFile[],
): Promise<Measured> {
  const bytes = toSend.reduce((sum, { artifact }) => sum + artifact.sizeBytes, 0);
  const speed = (tookMs: number): number => bytes / MB / (tookMs / 1_000);
  const ours: number[] = [];
  const plain: number[] = [];
  // The first turn of each opens connections and compiles.
  for (let at = 0; at <= TURNS; at += 1) {
    const turn = [
      await upload(addresses.ours, toSend),
      await send({ address: addresses.plain, files: toSend }),
    ];
    if (at === 0) continue;
    const [oursMs = 0, plainMs = 0] = turn;
    ours.push(speed(oursMs));
    plain.push(speed(plainMs));
  }
  const part = median(ours.map((each, at) => each / (plain[at] ?? 1)));
  return { name, ours: median(ours), plain: median(plain), part };
}

/** Each time another attempt's, which is forgotten afterwards: what is held already is not sent. */
async function upload(address: string, toSend: readonly ArtifactFile[]): Promise<number> {
  const lease = await lendLease(farm.redisUrl, farmKey);
  const tookMs = await send({ address, lease, files: toSend });
  await rm(join(farm.artifactsFolder, 'staging', attemptKey(lease)), { recursive: true });
  return tookMs;
}

async function send(plan: SendPlan): Promise<number> {
  return await sender.ask<number>(plan);
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

function print(all: readonly Measured[]): void {
  const line = (first: string, ...rest: readonly string[]): void => {
    process.stdout.write(`${first.padEnd(26)}${rest.map((cell) => cell.padStart(14)).join('')}\n`);
  };
  line('', 'upload MB/s', 'plain TCP MB/s', 'part');
  for (const { name, ours, plain, part } of all) line(name, ours.toFixed(1), plain.toFixed(1), percent(part));
}

function reachesOf(oneNear: Measured, oneFar: Measured): readonly Reach[] {
  return [
    {
      what: `an image on loopback comes in at ${percent(LOOPBACK_REACH)} of plain TCP, sha256 and disk`,
      found: percent(oneNear.part),
      isMet: oneNear.part >= LOOPBACK_REACH,
    },
    {
      what: `an image from ${ROUND_TRIP_MS} ms away comes in at ${FAR_REACH} MB/s`,
      found: `${oneFar.ours.toFixed(1)} MB/s`,
      isMet: oneFar.ours >= FAR_REACH,
    },
  ];
}
