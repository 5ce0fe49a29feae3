/**
 * The venues' servers: one loopback port, each venue under a prefix path (`/binance/…`), REST and WebSocket, fed by one
 * market each. Every frame and answer that carries market data goes to the journal.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Cancel, Clock } from '../core/ports.ts';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { SimFrame, SimInstrument, SimSession } from '../core/sim.ts';
import { parseSymbol } from '../core/symbol.ts';
import { seconds } from '../core/time.ts';
import type { Venue } from '../core/venue.ts';
import { createMarket, type Market } from './market.ts';

const STEP_MS = 10;
const PING_MS = 20_000;
/** What a client may leave unread before it is cut. */
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

interface Client {
  readonly id: string;
  readonly venue: string;
  readonly socket: WebSocket;
  readonly session: SimSession;
}

/** Fails with `EADDRINUSE` where the port is taken. */
export async function startSim(options: SimOptions): Promise<Result<Sim>> {
  const { clock, host } = options;
  const markets = new Map<string, Market>(
    options.venues.map((venue) => [venue.id, marketOf(venue, options)]),
  );
  const venues = new Map(options.venues.map((venue) => [venue.id, venue]));
  const clients = new Set<Client>();
  const requests: Record<string, number> = Object.fromEntries(options.venues.map((venue) => [venue.id, 0]));
  const cancels: Cancel[] = [];
  let connections = 0;
  let sent = 0;
  let paused = false;

  const note = (venue: string, conn: string, what: object): void =>
    options.journal?.(JSON.stringify({ ts: seconds(clock.wallUs()), venue, conn, ...what }));

  const send = (client: Client, frames: readonly SimFrame[]): void => {
    for (const { text, journal } of frames) {
      if (client.socket.readyState !== client.socket.OPEN) return;
      client.socket.send(text);
      if (journal.length > 0) sent += 1;
      for (const entry of journal) note(client.venue, client.id, entry);
    }
    if (client.socket.bufferedAmount > UNREAD_BYTES) {
      note(client.venue, client.id, { cut: 'the client does not read' });
      client.socket.terminate();
    }
  };

  const step = (): void => {
    if (paused) return;
    const nowUs = clock.wallUs();
    for (const [id, market] of markets) {
      const events = market.step(nowUs);
      for (const client of clients) {
        if (client.venue !== id) continue;
        for (const event of events) send(client, client.session.onEvent(event));
        send(client, client.session.onTick(nowUs));
      }
    }
  };

  /** `/binance/api/v3/depth?…` to its venue and what is left of the path. */
  const locate = (url: string) => {
    const { pathname, searchParams } = new URL(url, 'http://sim');
    const [, id = '', rest = ''] = /^\/([a-z]+)(\/.*)$/.exec(pathname) ?? [];
    const [venue, market] = [venues.get(id), markets.get(id)];
    if (venue === undefined || market === undefined) return null;
    return { venue, market, request: { path: rest, query: searchParams } };
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const at = locate(request.url ?? '/');
    const answer = at?.venue.sim.rest(at.request, at.market.view) ?? null;
    if (at !== null) requests[at.venue.id] = (requests[at.venue.id] ?? 0) + 1;
    if (at === null || answer === null) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
      return;
    }
    for (const entry of answer.journal ?? []) note(at.venue.id, 'rest', entry);
    response
      .writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      .end(answer.body);
  };

  const server = createServer(onRequest);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    const at = locate(request.url ?? '/');
    const session = at?.venue.sim.session(at.request, at.market.view) ?? null;
    if (at === null || session === null) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (upgraded) => {
      connections += 1;
      const client: Client = {
        id: `${at.venue.id}.${connections}`,
        venue: at.venue.id,
        socket: upgraded,
        session,
      };
      clients.add(client);
      note(client.venue, client.id, { connect: request.url });
      upgraded.on('message', (data) => onMessage(client, data.toString()));
      upgraded.on('error', (thrown) => note(client.venue, client.id, { error: failureOf(thrown).code }));
      upgraded.on('close', (code) => {
        clients.delete(client);
        note(client.venue, client.id, { close: code });
      });
    });
  });

  const onMessage = (client: Client, text: string): void => {
    try {
      send(client, client.session.onMessage(text));
    } catch (thrown) {
      // A client's nonsense ends its own connection, as it would at the venue.
      note(client.venue, client.id, { refused: failureOf(thrown).message });
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
  const port = listening.value;
  cancels.push(clock.every(STEP_MS, step));
  cancels.push(
    clock.every(PING_MS, () => {
      for (const { socket } of clients) socket.ping();
    }),
  );

  return ok({
    port,
    endpoints: Object.fromEntries(options.venues.map((venue) => [venue.id, endpointsOf(venue, host, port)])),
    requests: () => ({ ...requests }),
    sent: () => sent,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
    async stop() {
      for (const cancel of cancels) cancel();
      for (const { socket } of clients) socket.terminate();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

function marketOf(venue: Venue, { seed, rate, symbols, clock }: SimOptions): Market {
  const own = venue.sim.instruments;
  const more = (symbols[venue.id] ?? [])
    .filter((symbol) => !own.some((one) => one.symbol === symbol))
    .flatMap((symbol) => instrumentLike(own, symbol) ?? []);
  return createMarket({ instruments: [...own, ...more], seed, rate, startUs: clock.wallUs() });
}

/** Any other symbol is offered with the digits of the venue's first instrument of that market. */
function instrumentLike(own: readonly SimInstrument[], symbol: string): SimInstrument | null {
  const parts = parseSymbol(symbol);
  const model = own.find((one) => one.market === parts?.market);
  return parts !== null && model !== undefined
    ? { ...model, symbol, base: parts.base, quote: parts.quote }
    : null;
}

function endpointsOf(venue: Venue, host: string, port: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(venue.endpoints).map((key) => [
      key,
      `${key.includes('rest') ? 'http' : 'ws'}://${host}:${port}/${venue.id}`,
    ]),
  );
}
