/** The world on real sockets: one loopback port, each venue under a prefix path, REST and WebSocket. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Peer } from './client.ts';
import { endpointsOf } from './place.ts';
import { createWorld, STEP_MS, type World, type WorldOptions, type WorldSession } from './world.ts';

export interface SimOptions extends WorldOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export interface Sim
  extends Pick<
    World,
    'note' | 'requests' | 'sent' | 'pause' | 'resume' | 'addFault' | 'faults' | 'clearFaults'
  > {
  readonly port: number;
  /** By venue, for `venues.<id>.endpoints` of the settings. */
  readonly endpoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
  stop(): Promise<void>;
}

/** Fails with `EADDRINUSE` where the port is taken. */
export async function startSim(options: SimOptions): Promise<Result<Sim>> {
  const { clock, host } = options;
  const world = createWorld(options);
  const server = createServer((request, response) => answer(world, request, response));
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    const url = request.url ?? '/';
    // Until the WebSocket is there nobody else listens to what becomes of the socket.
    const onError = (thrown: Error): void =>
      world.note('none', 'upgrade', { url, error: failureOf(thrown).code });
    socket.on('error', onError);
    const door = world.connect(url);
    if (!door.opens) {
      const status = `${door.status} ${STATUS[door.status] ?? 'Refused'}`;
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (upgraded) => {
      socket.off('error', onError);
      attend(upgraded, door.enter(peerOf(upgraded)));
    });
  });

  const listening = await new Promise<Result<number>>((resolve) => {
    server.once('error', (thrown) => resolve(err(failureOf(thrown))));
    server.listen(options.port, host, () => {
      const address = server.address();
      resolve(ok(typeof address === 'object' && address !== null ? address.port : options.port));
    });
  });
  if (!listening.ok) {
    if (listening.error.code !== 'EADDRINUSE') return listening;
    const message = `port ${options.port} of ${host} is in use: choose another with --port (0 takes any free one)`;
    return err(failure('EADDRINUSE', message, 'never'));
  }
  server.on('error', (thrown) => world.note('none', 'server', { error: failureOf(thrown).code }));
  const stopSteps = clock.every(STEP_MS, world.step);

  return ok({
    ...world,
    port: listening.value,
    endpoints: Object.fromEntries(
      options.venues.map((venue) => [venue.id, endpointsOf(venue, `${host}:${listening.value}`)]),
    ),
    async stop() {
      stopSteps();
      world.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

const STATUS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  404: 'Not Found',
  418: 'Teapot',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function answer(world: World, request: IncomingMessage, response: ServerResponse): void {
  const cancel = world.request(request.url ?? '/', ({ status, headers, body, isWhole }) => {
    response.writeHead(status, headers);
    if (isWhole) response.end(body);
    else response.flushHeaders();
  });
  response.on('close', cancel);
}

function peerOf(socket: WebSocket): Peer {
  return {
    send: (text) => socket.send(text),
    ping: () => socket.ping(),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    isOpen: () => socket.readyState === socket.OPEN,
    unreadBytes: () => socket.bufferedAmount,
  };
}

function attend(socket: WebSocket, session: WorldSession): void {
  socket.on('message', (data) => session.receive(data.toString()));
  socket.on('error', (thrown) => session.failed(failureOf(thrown).code));
  socket.on('close', (code) => session.closed(code));
}
