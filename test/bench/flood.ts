/** A server that says the same frames to whoever connects, as fast as they are taken, when its parent says `go`. */

import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Feed } from '../../src/core/event.ts';
import { venueById } from '../../src/venues/index.ts';
import { makeLoad } from './frames.ts';

const UNREAD_BYTES = 4 * 1024 * 1024;

const [venueId = '', feed = 'trades', count = '1000'] = process.argv.slice(2);
const venue = venueById(venueId);
if (venue === undefined) throw new Error(`no venue ${venueId}`);
const load = makeLoad(venue, feed as Feed, Number(count));

const http = createHttpServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
const clients: WebSocket[] = [];
sockets.on('connection', (socket) => {
  clients.push(socket);
  process.send?.({ type: 'connected' });
});

function flood(socket: WebSocket, from: number): void {
  let next = from;
  while (next < load.frames.length && socket.bufferedAmount < UNREAD_BYTES) {
    socket.send(load.frames[next] as string);
    next += 1;
  }
  if (next < load.frames.length && socket.readyState === socket.OPEN) setImmediate(() => flood(socket, next));
}

process.on('message', (message: string) => {
  if (message === 'go') for (const socket of clients.splice(0)) flood(socket, 0);
});
process.on('disconnect', () => process.exit(0));
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as AddressInfo;
  const { rows, symbols, answers, frames } = load;
  const bytes = frames.reduce((sum, text) => sum + text.length, 0);
  process.send?.({ type: 'ready', port, rows, symbols, answers, frames: frames.length, bytes });
});
