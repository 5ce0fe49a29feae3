/** Servers as they are on a bad day. Each on loopback; what they do is real. */

import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface BadServer {
  readonly origin: string;
  stop(): Promise<void>;
}

export type Kind =
  | 'unreachable'
  | 'slow'
  | 'mute'
  | 'cut'
  | 'error body'
  | 'page'
  | 'empty object'
  | 'empty array';

/** Each venue's own words for "not now", which it can send with status 200. */
export const ERROR_BODIES: Readonly<Record<string, { readonly body: string; readonly code: string }>> = {
  bitflyer: { body: '{"status":-2,"error_message":"Under maintenance","data":null}', code: '-2' },
  binance: { body: '{"code":-1001,"msg":"Internal error; unable to process your request."}', code: '-1001' },
  bybit: {
    body: '{"retCode":10016,"retMsg":"Server error.","result":{},"time":1795219200000}',
    code: '10016',
  },
  okx: { body: '{"code":"50001","msg":"Service temporarily unavailable.","data":[]}', code: '50001' },
};
const PAGE = '<html><head><title>Maintenance</title></head><body>Back soon.</body></html>';

/** `slowMs`: how long the slow one waits before it answers. */
export async function badServer(kind: Kind, venue: string, slowMs: number): Promise<BadServer> {
  switch (kind) {
    case 'unreachable': {
      // A port that was free a moment ago, and listens no more.
      const { origin, stop } = await answering('');
      await stop();
      return { origin, stop: async () => undefined };
    }
    case 'slow':
      return answering('[]', slowMs);
    case 'mute':
      return talking(() => undefined);
    case 'cut':
      return talking((socket) => {
        socket.end(
          'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"code":"0","da',
        );
      });
    case 'error body':
      return answering(ERROR_BODIES[venue]?.body ?? '');
    case 'page':
      return answering(PAGE);
    case 'empty object':
      return answering('{}');
    case 'empty array':
      return answering('[]');
  }
}

/** Answers everything with this, and status 200. */
async function answering(body: string, afterMs = 0): Promise<BadServer> {
  const timers = new Set<NodeJS.Timeout>();
  const server = createHttpServer((_, response) => {
    const timer = setTimeout(() => response.writeHead(200).end(body), afterMs);
    timers.add(timer);
  });
  const origin = await listen(server);
  return {
    origin,
    stop() {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      return closed(server);
    },
  };
}

/** Takes connections; `say` is told of each request. */
async function talking(say: (socket: Socket) => void): Promise<BadServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => say(socket));
  });
  const origin = await listen(server);
  return {
    origin,
    stop() {
      for (const socket of sockets) socket.destroy();
      return closed(server);
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
