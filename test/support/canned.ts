/** A server that answers as it is told, and remembers when it was asked. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CannedAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CannedServer {
  readonly origin: string;
  /** Of each request: its path, and when it came (epoch ms). */
  readonly asked: readonly { readonly path: string; readonly atMs: number }[];
  stop(): Promise<void>;
}

/** `answer` is told the number of the request, from 0, and its path. */
export async function cannedServer(
  answer: (at: number, path: string) => CannedAnswer,
): Promise<CannedServer> {
  const asked: { readonly path: string; readonly atMs: number }[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const { status, body, headers } = answer(asked.length, path);
    asked.push({ path, atMs: Date.now() });
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
