import { createReadStream } from 'node:fs';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { ArtifactUpload } from '../../../agent/upload/artifact-upload.ts';
import { CoordinatorPool } from '../../../agent/upload/coordinator-pool.ts';
import type { ArtifactFile } from '../../../agent/upload/write-artifact.ts';
import { systemClock } from '../../../shared/clock.ts';
import type { Lease } from '../../../shared/domain/lease.ts';
import { createLog } from '../../../shared/log.ts';
import { answerParent } from '../child-process.ts';

/** Files to send, and where: to a coordinator for a lease, or over plain connections. */
export interface SendPlan {
  readonly address: string;
  readonly files: readonly ArtifactFile[];
  readonly lease?: Lease;
}

/** Files a plain sender sends at a time: as many as an agent does. */
const PLAIN_FILES = 4;

const never = new AbortController().signal;
/** By coordinator, so that its connection is there before the time is taken, as it is when a build ends. */
const uploads = new Map<string, ArtifactUpload>();

/** Sends all files; the answer is how long it took until the last one was acknowledged, milliseconds. */
answerParent(async ({ address, files, lease }: SendPlan): Promise<number> => {
  const began = performance.now();
  if (lease) await uploadTo(address).upload(lease, files, never);
  else await sendPlain(address, files);
  return performance.now() - began;
});

function uploadTo(address: string): ArtifactUpload {
  const known = uploads.get(address);
  if (known) return known;
  const log = createLog('sender', 'warn');
  const upload = new ArtifactUpload({
    pool: new CoordinatorPool({ fixed: [address] }),
    clock: systemClock,
    log,
  });
  uploads.set(address, upload);
  return upload;
}

async function sendPlain(address: string, files: readonly ArtifactFile[]): Promise<void> {
  const queue = [...files];
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file; file = queue.shift()) await sendOne(address, file);
  };
  await Promise.all(Array.from({ length: PLAIN_FILES }, lane));
}

async function sendOne(address: string, { path, artifact }: ArtifactFile): Promise<void> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port), allowHalfOpen: true });
  await pipeline(createReadStream(path, { highWaterMark: 512 * 1024 }), socket, { end: false });
  socket.end();
  let answer = '';
  for await (const text of socket.setEncoding('utf8')) answer += text;
  if (answer !== artifact.sha256) throw new Error(`${artifact.name} arrived as ${answer}`);
}
