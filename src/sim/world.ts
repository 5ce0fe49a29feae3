/**
 * The venues' servers without sockets, on a clock that is given: each venue under a prefix path (`/binance/…`), REST
 * and WebSocket, fed by one market each. Every frame and answer that carries market data goes to the journal, and so
 * does whatever was done to it.
 */

import type { Cancel, Clock } from '../core/ports.ts';
import { seededRandom } from '../core/random.ts';
import { failureOf, ok, type Result } from '../core/result.ts';
import type { SimSession } from '../core/sim.ts';
import { seconds } from '../core/time.ts';
import { createAnswers, type SimAnswer } from './answers.ts';
import { type ArmedState, createFaults, matches } from './armed.ts';
import { type Client, createClient, type Peer } from './client.ts';
import { createConditions } from './conditions.ts';
import { type Fault, readFault } from './faults.ts';
import { createNote, type Note } from './journal.ts';
import { locate, type MarketsOptions, type Place, type Places, placesOf } from './place.ts';
import { subscribe } from './subscribe.ts';

/** How often `step` is to be called. */
export const STEP_MS = 10;
/** More than this is not made up for: the process was held up, or the market stood still. */
const LONGEST_STEP_US = 1_000_000;
/** From a notice to the close that it tells of: OKX names 30 s. */
const LEAD_SEC = 30;
const UNREAD_BYTES = 64 * 1024 * 1024;

export interface WorldOptions extends MarketsOptions {
  readonly clock: Clock;
  /** A JSON line for each frame and answer that carries market data, each connection, each close, each fault. */
  readonly journal: ((line: string) => void) | null;
  /** Also a line for each trade of the markets, whether anybody is told of it or not. */
  readonly journalMarket?: boolean;
  /** What a client may leave unread before it is cut: 64 MB unless told. */
  readonly unreadBytes?: number;
  /** From the start. */
  readonly faults?: readonly Fault[];
  /** More faults, each asked for when its `afterSec`, counted from the start, has passed. */
  readonly plan?: Iterator<Fault>;
  /** For `probability`: 1 unless told. */
  readonly faultSeed?: number;
}

/** What the other end of a connection tells. */
export interface WorldSession {
  receive(text: string): void;
  failed(code: string): void;
  closed(code: number): void;
}

export type Door =
  | { readonly opens: true; enter(peer: Peer): WorldSession }
  | { readonly opens: false; readonly status: number };

export interface World {
  readonly places: Places;
  /** A line of the journal, for who binds the world to something. */
  readonly note: Note;
  /** `url`: path and query, from the venue's prefix on. */
  connect(url: string): Door;
  /** `reply` is called once, at once or after the time that a fault takes; never after the cancel. */
  request(url: string, reply: (answer: SimAnswer) => void): Cancel;
  /** Moves the markets on to now; to be called every `STEP_MS`. */
  step(): void;
  /** Adds the fault that the value describes; fails with the place of what is wrong in it. */
  addFault(value: unknown): Result<ArmedState>;
  faults(): readonly ArmedState[];
  clearFaults(): void;
  /** REST requests so far, by venue. */
  requests(): Readonly<Record<string, number>>;
  /** Market messages sent so far. */
  sent(): number;
  /** Time stands still in the markets; connections stay. */
  pause(): void;
  resume(): void;
  /** Ends every connection. */
  stop(): void;
}

export function createWorld(options: WorldOptions): World {
  const { clock, unreadBytes = UNREAD_BYTES, journalMarket = false, plan } = options;
  // The venues' clock: the wall's at the start, from then on steady, whatever is done to ours.
  const zeroUs = clock.wallUs() - Math.round(clock.monoMs() * 1000);
  const now = (): number => zeroUs + Math.round(clock.monoMs() * 1000);
  const startMs = clock.monoMs();
  const places = placesOf(options, now());
  const clients = new Set<Client>();
  const faults = createFaults(clock, seededRandom(options.faultSeed ?? 1));
  const note = createNote(options.journal, clock);
  const answers = createAnswers({ places, faults, clock, note });
  const conditions = createConditions({ places, faults, note });
  let planned = plan?.next();
  let connections = 0;
  let sent = 0;
  let paused = false;

  for (const fault of options.faults ?? []) faults.add(fault);

  const due = (): void => {
    const passedSec = (clock.monoMs() - startMs) / 1000;
    while (plan !== undefined && planned !== undefined && !planned.done) {
      const { afterSec = 0, ...fault } = planned.value;
      if (afterSec > passedSec) return;
      faults.add(fault as Fault);
      planned = plan.next();
    }
  };

  const noteTrades = (place: Place, events: ReturnType<Place['market']['step']>): void => {
    const ts = seconds(clock.wallUs());
    for (const event of events) {
      if (event.type !== 'trade') continue;
      for (const market of place.venue.sim.rows(event))
        options.journal?.(JSON.stringify({ ts, venue: place.venue.id, market }));
    }
  };

  const stepMarket = (place: Place, own: readonly Client[]): void => {
    const nowUs = now();
    const { market } = place;
    const isPaused = paused || conditions.isPaused(place);
    if (isPaused || nowUs - market.view.steadyUs() > LONGEST_STEP_US) market.skip(nowUs);
    if (isPaused) return;
    const events = market.step(nowUs);
    if (journalMarket) noteTrades(place, events);
    // An event to all its clients before the next, so that its frames are built once.
    for (const event of events) for (const client of own) client.send(client.session.onEvent(event));
    for (const client of own) client.send(client.session.onTick(nowUs));
  };

  /** What ends a connection, or announces its end. */
  const end = (client: Client): void => {
    const { ending } = client;
    const meant = (fault: Fault): boolean => client.isMeant(fault);
    if (ending !== null && clock.monoMs() >= ending.dueMs) return client.close(ending.code, 'shutdown');
    const ageMs = clock.monoMs() - client.openedMs;
    for (const armed of faults.on(['cut'])) {
      if (!meant(armed.fault) || ageMs < armed.fault.lifetimeSec * 1000) continue;
      armed.applied += 1;
      client.tell(armed);
      return client.close(armed.fault.code ?? 1001, 'end of life');
    }
    const broken = faults.strike(['disconnect'], meant);
    if (broken !== null) {
      client.tell(broken);
      return client.close(broken.fault.code, 'simulated');
    }
    const text = ending === null ? conditions.noticeTo(client) : null;
    const notice = text === null ? null : faults.strike(['notice'], meant);
    if (text === null || notice === null) return;
    client.tell(notice);
    client.peer.send(text);
    const dueMs = clock.monoMs() + (notice.fault.leadSec ?? LEAD_SEC) * 1000;
    client.ending = { dueMs, code: 1001 };
  };

  const step = (): void => {
    due();
    const struck = faults.any();
    conditions.step();
    answers.step();
    for (const place of places.values()) {
      const own = [...clients].filter((client) => client.place === place);
      stepMarket(place, own);
      if (struck) conditions.renumber(place, own);
    }
    for (const client of clients) {
      client.step();
      if (!client.peer.isOpen()) continue;
      if (struck || client.ending !== null) end(client);
      const { pingMs } = client.session;
      if (pingMs === null || clock.monoMs() < client.pingDueMs) continue;
      client.pingDueMs = clock.monoMs() + pingMs;
      if (client.peer.isOpen()) client.peer.ping();
    }
  };

  const onMessage = (client: Client, text: string): void => {
    try {
      client.send(subscribe(client, text, faults));
    } catch (thrown) {
      // A client's nonsense ends its own connection, as it would at the venue.
      note(client.place.venue.id, client.id, { refused: failureOf(thrown).message });
      client.close(1008, '');
    }
  };

  const enter = (
    url: string,
    at: NonNullable<ReturnType<typeof locate>>,
    session: SimSession,
    peer: Peer,
  ) => {
    connections += 1;
    const { place, request, path } = at;
    const id = `${place.venue.id}.${connections}`;
    const onSent = (): void => {
      sent += 1;
    };
    const client = createClient({
      ...{ id, place, request, path, session, peer, clock, faults, note, unreadBytes, onSent },
    });
    clients.add(client);
    note(place.venue.id, id, { connect: url });
    return {
      receive: (text: string) => onMessage(client, text),
      failed: (code: string) => note(place.venue.id, id, { error: code }),
      closed(code: number) {
        clients.delete(client);
        client.ended();
        note(place.venue.id, id, { close: code });
      },
    };
  };

  return {
    places,
    note,
    connect(url) {
      const at = locate(places, url);
      const session = at?.place.venue.sim.session(at.request, at.place.market.view) ?? null;
      if (at === null || session === null) return { opens: false, status: 404 };
      const target = { venue: at.place.venue.id, path: at.path, symbol: null, feed: null };
      const refused = faults.strike(['refuse_connect'], (fault) => matches(fault, target));
      if (refused === null) return { opens: true, enter: (peer) => enter(url, at, session, peer) };
      note(target.venue, 'upgrade', { fault: { id: refused.id, ...refused.fault, path: at.path } });
      return { opens: false, status: refused.fault.status ?? 503 };
    },
    request: answers.request,
    step,
    addFault(value) {
      const read = readFault(value, places);
      return read.ok ? ok(faults.add(read.value)) : read;
    },
    faults: faults.list,
    clearFaults: faults.clear,
    requests: () => Object.fromEntries([...places].map(([id, place]) => [id, place.requests])),
    sent: () => sent,
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
    stop() {
      for (const { peer } of clients) peer.terminate();
    },
  };
}
