import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerParent } from './child-process.ts';

/** What the bare server answers, by method and path. */
export interface BareAnswer {
  readonly path: string;
  /** Base64. */
  readonly body: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The least that node:http can do: the same bytes with the same headers; a POST's body is read and parsed. */
answerParent(async (answers: readonly BareAnswer[]) => {
  const ready = new Map(
    answers.map(({ path, body, ...rest }) => [path, { ...rest, bytes: Buffer.from(body, 'base64') }]),
  );
  const server = createServer((request, response) => {
    const answer = ready.get(`${request.method} ${request.url}`);
    if (!answer) {
      response.writeHead(404).end();
      return;
    }
    const reply = (): void => {
      response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.bytes.byteLength });
      response.end(answer.bytes);
    };
    if (request.method !== 'POST') {
      reply();
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const parsed: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'));
      if (typeof parsed === 'object') reply();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
});
