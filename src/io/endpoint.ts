/** A small HTTP server on loopback: GET of a few fixed paths, for programs on this machine. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export interface EndpointOptions {
  /** `127.0.0.1`, `::1` or `localhost`; another is refused. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** What each path gives. */
  readonly paths: Readonly<Record<string, () => Answer | Promise<Answer>>>;
  /** A path failed, which is a bug and is answered with 500; or the system refused a connection. */
  onError(what: string, thrown: unknown): void;
}

export interface Endpoint {
  /** `http://127.0.0.1:9464` */
  readonly url: string;
  close(): Promise<void>;
}

export const LOOPBACK = ['127.0.0.1', '::1', 'localhost'] as const;

/** A page of another site reaches loopback by a name of its own that leads here (DNS rebinding): only these are served. */
const HOSTS = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
const TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 32;
const MAX_HEADER_BYTES = 8 * 1024;

/** Fails with the system's code where the port is taken. */
export function openEndpoint(options: EndpointOptions): Promise<Result<Endpoint>> {
  const { host, port } = options;
  if (!LOOPBACK.some((name) => name === host)) {
    return Promise.resolve(err(failure('not_loopback', `${host} is not on loopback`, 'never')));
  }
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      // A reader that went away is no matter.
      response.on('error', () => undefined);
      void answerTo(request, options).then((answer) => give(response, answer));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  // One that does not take its answer is let go.
  server.setTimeout(2 * TIMEOUT_MS, (socket) => socket.destroy());
  return new Promise((resolve) => {
    server.on('error', (thrown) => {
      if (server.listening) options.onError('a connection', thrown);
      else resolve(err(failureOf(thrown)));
    });
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve(
        ok({
          url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
          close: () =>
            new Promise((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        }),
      );
    });
  });
}

async function answerTo(request: IncomingMessage, { paths, onError }: EndpointOptions): Promise<Answer> {
  const { method, headers } = request;
  if (!HOSTS.test(headers.host ?? '')) return plain(403, 'this host is not served');
  if (method !== 'GET') return plain(405, 'GET only');
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  if (hasBody) return plain(413, 'no body is taken');
  const path = (request.url ?? '').split('?')[0] ?? '';
  const answer = paths[path];
  if (answer === undefined) return plain(404, `here are ${Object.keys(paths).join(' ')}`);
  try {
    return await answer();
  } catch (thrown) {
    onError(path, thrown);
    return plain(500, 'failed');
  }
}

function give(response: ServerResponse, { status, type, body }: Answer): void {
  const isRefused = status >= 400 && status < 500;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 405 && { Allow: 'GET' }),
    // What else it sends is not read.
    ...(isRefused && { Connection: 'close' }),
  });
  response.end(body);
}

const plain = (status: number, text: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});
