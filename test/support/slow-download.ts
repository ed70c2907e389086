import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** A download under way whose reader takes nothing for now. */
export interface SlowDownload {
  readonly status: number;
  /** Bytes that have reached this process so far, headers too. */
  receivedBytes(): number;
  /** Takes all the rest. Rejects when the download is cut. */
  rest(): Promise<Buffer>;
}

/** Asks for a file and stops reading after the headers. The rest is the caller's to take. */
export async function startSlowDownload(url: string): Promise<SlowDownload> {
  const outgoing = httpRequest(url, { agent: false });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.pause();
  const { socket } = response;
  return {
    status: response.statusCode ?? 0,
    receivedBytes: () => socket.bytesRead,
    rest: () => buffer(response),
  };
}
