/**
 * The venues' servers: one loopback port, each venue under a prefix path (`/binance/…`), REST and WebSocket, fed by one
 * market each. Every frame and answer that carries market data goes to the journal.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../core/ports.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { JournalEntry, SimFrame, SimRequest, SimResponse, SimSession } from '../core/sim.ts';
import { seconds } from '../core/time.ts';
import type { Venue } from '../core/venue.ts';
import { createMarket, type Market } from './market.ts';
import { offer } from './offer.ts';

const STEP_MS = 10;
/** More than this is not made up for: the process was held up, or the market stood still. */
const LONGEST_STEP_US = 1_000_000;
const MINUTE_US = 60_000_000;
const UNREAD_BYTES = 64 * 1024 * 1024;

export interface SimOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly seed: number;
  readonly rate: number;
  readonly venues: readonly Venue[];
  /** Symbols to offer beside the venue's own, by venue. */
  readonly symbols: Readonly<Record<string, readonly string[]>>;
  readonly clock: Clock;
  /** A JSON line for each frame and answer that carries market data, each connection and each close. */
  readonly journal: ((line: string) => void) | null;
  /** What a client may leave unread before it is cut: 64 MB unless told. */
  readonly unreadBytes?: number;
}

export interface Sim {
  readonly port: number;
  /** By venue, for `venues.<id>.endpoints` of the settings. */
  readonly endpoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** REST requests so far, by venue. */
  requests(): Readonly<Record<string, number>>;
  /** Market messages sent so far. */
  sent(): number;
  /** Time stands still in the markets; connections stay. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A venue that is served, with its market. */
interface Place {
  readonly venue: Venue;
  readonly market: Market;
  requests: number;
  /** Trades that an answer has told, by symbol. */
  readonly told: Map<string, RecentIds>;
  /** Weight used in the running minute, by pool. */
  readonly used: Map<string, { readonly minute: number; readonly weight: number }>;
}

interface Client {
  readonly id: string;
  readonly place: Place;
  readonly socket: WebSocket;
  readonly session: SimSession;
  pingDueMs: number;
}

/** Fails with `EADDRINUSE` where the port is taken. */
export async function startSim(options: SimOptions): Promise<Result<Sim>> {
  const { clock, host, unreadBytes = UNREAD_BYTES } = options;
  // The venues' clock: the wall's at the start, from then on steady, whatever is done to ours.
  const zeroUs = clock.wallUs() - Math.round(clock.monoMs() * 1000);
  const now = (): number => zeroUs + Math.round(clock.monoMs() * 1000);
  const places = new Map(options.venues.map((venue) => [venue.id, placeOf(venue, options, now())]));
  const clients = new Set<Client>();
  let connections = 0;
  let sent = 0;
  let paused = false;

  const note = (venue: string, conn: string, what: object): void =>
    options.journal?.(JSON.stringify({ ts: seconds(clock.wallUs()), venue, conn, ...what }));

  const send = (client: Client, frames: readonly SimFrame[]): void => {
    const { id, place, socket } = client;
    for (const { text, journal } of frames) {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(text);
      if (journal.length > 0) sent += 1;
      if (options.journal !== null) for (const entry of journal) note(place.venue.id, id, entry);
    }
    if (socket.bufferedAmount > unreadBytes) {
      note(place.venue.id, id, { cut: 'the client does not read', unread_bytes: socket.bufferedAmount });
      socket.terminate();
    }
  };

  const step = (): void => {
    const nowUs = now();
    for (const place of places.values()) {
      if (paused || nowUs - place.market.view.nowUs() > LONGEST_STEP_US) place.market.skip(nowUs);
      if (paused) continue;
      const own = [...clients].filter((client) => client.place === place);
      // An event to all its clients before the next, so that its frames are built once.
      for (const event of place.market.step(nowUs))
        for (const client of own) send(client, client.session.onEvent(event));
      for (const client of own) send(client, client.session.onTick(nowUs));
    }
    for (const client of clients) {
      const { pingMs } = client.session;
      if (pingMs === null || clock.monoMs() < client.pingDueMs) continue;
      client.pingDueMs = clock.monoMs() + pingMs;
      if (client.socket.readyState === client.socket.OPEN) client.socket.ping();
    }
  };

  /** `/binance/api/v3/depth?…` to its venue and what is left of the path. */
  const locate = (url: string): { readonly place: Place; readonly request: SimRequest } | null => {
    const [, id = '', path = '', query = ''] = /^\/([a-z]+)(\/[^?]*)(?:\?(.*))?$/.exec(url) ?? [];
    const place = places.get(id);
    return place === undefined ? null : { place, request: { path, query: new URLSearchParams(query) } };
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const at = locate(request.url ?? '/');
    const json = { 'content-type': 'application/json' };
    if (at !== null) at.place.requests += 1;
    const answer = at?.place.venue.sim.rest(at.request, at.place.market.view) ?? null;
    if (at === null || answer === null) {
      response.writeHead(404, json).end('{"error":"not found"}');
      return;
    }
    if (options.journal !== null)
      for (const entry of answer.journal ?? [])
        if (isNews(at.place, entry)) note(at.place.venue.id, 'rest', entry);
    response.writeHead(answer.status, { ...json, ...charge(at.place, answer, now()) }).end(answer.body);
  };

  const server = createServer(onRequest);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    const url = request.url ?? '/';
    // Until the WebSocket is there nobody else listens to what becomes of the socket.
    const onError = (thrown: Error): void => note('none', 'upgrade', { url, error: failureOf(thrown).code });
    socket.on('error', onError);
    const at = locate(url);
    const session = at?.place.venue.sim.session(at.request, at.place.market.view) ?? null;
    if (at === null || session === null) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (upgraded) => {
      socket.off('error', onError);
      accept(at.place, upgraded, session, url);
    });
  });

  const accept = (place: Place, socket: WebSocket, session: SimSession, url: string): void => {
    connections += 1;
    const id = `${place.venue.id}.${connections}`;
    const pingDueMs = clock.monoMs() + (session.pingMs ?? 0);
    const client: Client = { id, place, socket, session, pingDueMs };
    clients.add(client);
    note(place.venue.id, id, { connect: url });
    socket.on('message', (data) => onMessage(client, data.toString()));
    socket.on('error', (thrown) => note(place.venue.id, id, { error: failureOf(thrown).code }));
    socket.on('close', (code) => {
      clients.delete(client);
      note(place.venue.id, id, { close: code });
    });
  };

  const onMessage = (client: Client, text: string): void => {
    try {
      send(client, client.session.onMessage(text));
    } catch (thrown) {
      // A client's nonsense ends its own connection, as it would at the venue.
      note(client.place.venue.id, client.id, { refused: failureOf(thrown).message });
      client.socket.close(1008);
    }
  };

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
  server.on('error', (thrown) => note('none', 'server', { error: failureOf(thrown).code }));
  const stopSteps = clock.every(STEP_MS, step);

  return ok({
    port: listening.value,
    endpoints: Object.fromEntries(
      options.venues.map((venue) => [venue.id, endpointsOf(venue, host, listening.value)]),
    ),
    requests: () => Object.fromEntries([...places].map(([id, place]) => [id, place.requests])),
    sent: () => sent,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
    async stop() {
      stopSteps();
      for (const { socket } of clients) socket.terminate();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

function placeOf(venue: Venue, { seed, rate, symbols }: SimOptions, startUs: number): Place {
  const instruments = offer(venue.sim.instruments, symbols[venue.id] ?? []);
  // The venues' markets are not copies of one another.
  const own = [...venue.id].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 0);
  const market = createMarket({ instruments, seed: (seed + own) % 1_000_003, rate, startUs });
  return { venue, market, requests: 0, told: new Map(), used: new Map() };
}

/** Answers repeat the trades of those before: the journal does not. */
function isNews({ told }: Place, entry: JournalEntry): boolean {
  if (entry.feed !== 'trades') return true;
  const ids = told.get(entry.symbol) ?? createRecentIds();
  told.set(entry.symbol, ids);
  return ids.add(entry.id);
}

/** The header that tells the weight used in the running minute, this answer's included. */
function charge(place: Place, { cost }: SimResponse, nowUs: number): Readonly<Record<string, string>> {
  if (cost === undefined) return {};
  const minute = Math.floor(nowUs / MINUTE_US);
  const before = place.used.get(cost.pool);
  const weight = cost.weight + (before?.minute === minute ? before.weight : 0);
  place.used.set(cost.pool, { minute, weight });
  return { [cost.header]: String(weight) };
}

function endpointsOf(venue: Venue, host: string, port: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(venue.endpoints).map((key) => [
      key,
      `${key.includes('rest') ? 'http' : 'ws'}://${host}:${port}/${venue.id}`,
    ]),
  );
}
