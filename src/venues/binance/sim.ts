/** Binance as a server, spot and USD-M, in today's shapes. */

import {
  bookEntry,
  type JournalEntry,
  type SimBookUpdate,
  type SimEvent,
  type SimFill,
  type SimFrame,
  type SimInstrument,
  type SimRequest,
  type SimSession,
  type SimTicker,
  type SimTrade,
  type SimView,
  tickerEntry,
  tradeEntry,
} from '../../core/sim.ts';
import { createSharedFrames } from '../../core/sim-shared.ts';

const SPOT = { market: 'spot', priceDigits: 8, amountDigits: 8, quoteDigits: 8, zeros: 'all' } as const;
const USDM = { market: 'linear', priceDigits: 2, amountDigits: 3, quoteDigits: 2, zeros: 'all' } as const;
const BTC = { base: 'BTC', quote: 'USDT' };
const ETH = { base: 'ETH', quote: 'USDT' };
export const instruments: readonly SimInstrument[] = [
  { ...SPOT, ...BTC, symbol: 'BTC/USDT', tick: '0.01', step: '0.00001' },
  { ...USDM, ...BTC, symbol: 'BTC/USDT:USDT', tick: '0.10', step: '0.001' },
  { ...SPOT, ...ETH, symbol: 'ETH/USDT', tick: '0.01', step: '0.0001' },
  { ...USDM, ...ETH, symbol: 'ETH/USDT:USDT', tick: '0.01', step: '0.001' },
];

export const idOf = (instrument: SimInstrument): string => `${instrument.base}${instrument.quote}`;
export const ms = (us: number): number => Math.floor(us / 1000);
/** An event is told (`E`) a little after it happened (`T`). */
export const told = (us: number): number => ms(us) + 2;

/** USD-M numbers the updates of all symbols together: a symbol's own numbers lie far apart, `U` never follows `u`. */
export const usdmSequence = (count: number): number => count * 7 + 3;
/** Every so many trades on USD-M one is off the book, with an id of its own for which `usdmTradeId` leaves room. */
const OFF_BOOK_EVERY = 50;
export const usdmTradeId = (id: number): number => id + Math.floor(id / OFF_BOOK_EVERY);
const OFF_BOOK = ['INSURANCE_FUND', 'ADL', 'NA'];

interface Route {
  readonly market: 'spot' | 'linear';
  /** What the path serves; a subscription to anything else is taken, and silent. */
  readonly streams: readonly string[];
  readonly wrapped: boolean;
}

const DEPTHS = ['depth', 'depth@100ms', 'depth@0ms', 'depth@250ms', 'depth@500ms'];
const STREAMS: Readonly<Record<string, readonly string[]>> = {
  spot: ['trade', 'aggTrade', 'bookTicker', 'ticker', 'miniTicker', 'depth', 'depth@100ms'],
  public: ['trade', 'bookTicker', ...DEPTHS],
  market: ['aggTrade', 'ticker', 'miniTicker'],
};
const BY_EVENT = {
  trade: ['trade', 'aggTrade'],
  book: DEPTHS,
  quote: ['bookTicker'],
  stats: ['ticker', 'miniTicker'],
} as const;

/** Below `/futures` is the path-less USD-M URL of old, retired 2026-04-23: only what `/public` has. */
function routeOf(path: string): Route | null {
  const match = /^\/(?:(public|market|futures)\/)?(ws|stream)(?:\/.*)?$/.exec(path);
  if (!match) return null;
  const way = match[1] ?? 'spot';
  return {
    market: way === 'spot' ? 'spot' : 'linear',
    streams: STREAMS[way === 'futures' ? 'public' : way] ?? [],
    wrapped: match[2] === 'stream',
  };
}

const shared = createSharedFrames();

export function session({ path, query }: SimRequest, view: SimView): SimSession | null {
  const route = routeOf(path);
  if (route === null) return null;
  const named = query.get('streams') ?? path.split('/ws/')[1] ?? '';
  const asked = new Set(named.split('/').filter((name) => name !== ''));
  const known = new Set(view.instruments.map((one) => idOf(one).toLowerCase()));
  const reply = (answer: object): readonly SimFrame[] => [{ text: JSON.stringify(answer), journal: [] }];

  return {
    // https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and the USD-M page
    pingMs: route.market === 'spot' ? 20_000 : 180_000,
    onMessage(text) {
      const request = JSON.parse(text) as {
        readonly method: string;
        readonly params?: readonly string[];
        readonly id: number;
      };
      const { method, params = [], id } = request;
      if (method === 'LIST_SUBSCRIPTIONS') return reply({ result: [...asked], id });
      if (method === 'UNSUBSCRIBE') {
        for (const name of params) asked.delete(name);
        return reply({ result: null, id });
      }
      const bad = params.find((name) => !known.has(name.split('@')[0] ?? ''));
      if (method !== 'SUBSCRIBE' || bad !== undefined)
        return reply({ error: { code: 2, msg: `Invalid request: ${bad ?? method}` }, id });
      for (const name of params) asked.add(name);
      return reply({ result: null, id });
    },
    onEvent(event) {
      if (event.instrument.market !== route.market) return [];
      const id = idOf(event.instrument).toLowerCase();
      return BY_EVENT[event.type === 'ticker' ? event.part : event.type]
        .filter((stream) => route.streams.includes(stream) && asked.has(`${id}@${stream}`))
        .flatMap((stream) =>
          shared(event, `${route.wrapped} ${stream}`, () => framesOf(event, `${id}@${stream}`, route)),
        );
    },
    onTick: () => [],
  };
}

/** Fills on spot, prints on USD-M. */
export function rows(event: SimTrade): readonly JournalEntry[] {
  const spot = event.instrument.market === 'spot';
  return (spot ? trades(event, true) : aggTrades(event, false)).flatMap(([, ...journal]) => journal);
}

type Told = readonly [data: object, ...journal: JournalEntry[]];

function framesOf(event: SimEvent, stream: string, { market, wrapped }: Route): readonly SimFrame[] {
  return messages(event, stream.split('@')[1] ?? '', market === 'spot').map(([data, ...journal]) => ({
    text: JSON.stringify(wrapped ? { stream, data } : data),
    journal,
  }));
}

function messages(event: SimEvent, kind: string, spot: boolean): readonly Told[] {
  switch (event.type) {
    case 'trade':
      return kind === 'trade' ? trades(event, spot) : aggTrades(event, spot);
    case 'book':
      return [depth(event, spot)];
    case 'ticker':
      if (kind === 'bookTicker') return [bookTicker(event, spot)];
      return [kind === 'ticker' ? ticker(event, spot) : miniTicker(event, spot)];
  }
}

function trades(event: SimTrade, spot: boolean): readonly Told[] {
  return event.prints.flatMap(({ price, fills }) =>
    fills.flatMap((fill): readonly Told[] => {
      if (spot) return [spotTrade(event, price, fill)];
      const own = usdmTrade(event, price, fill, usdmTradeId(fill.id), 'MARKET');
      if (fill.id % OFF_BOOK_EVERY !== 0) return [own];
      const why = OFF_BOOK[(fill.id / OFF_BOOK_EVERY) % OFF_BOOK.length] ?? 'NA';
      const [offBook] = usdmTrade(event, price, fill, usdmTradeId(fill.id) - 1, why);
      return [[offBook], own];
    }),
  );
}

function spotTrade(event: SimTrade, p: string, { id: t, amount: q }: SimFill): Told {
  const [E, T, s, m] = [told(event.timeUs), ms(event.timeUs), idOf(event.instrument), event.side === 'sell'];
  return [
    { e: 'trade', E, s, t, p, q, T, m, M: true },
    tradeEntry(event, { price: p, amount: q }, String(t), T * 1000),
  ];
}

function usdmTrade(event: SimTrade, p: string, { amount: q }: SimFill, t: number, X: string): Told {
  const [E, T, s, m] = [told(event.timeUs), ms(event.timeUs), idOf(event.instrument), event.side === 'sell'];
  return [
    { e: 'trade', E, T, s, ps: s, t, p, q, X, m, st: 1 },
    tradeEntry(event, { price: p, amount: q }, String(t), T * 1000),
  ];
}

function aggTrades(event: SimTrade, spot: boolean): readonly Told[] {
  const [E, T, s, m] = [told(event.timeUs), ms(event.timeUs), idOf(event.instrument), event.side === 'sell'];
  return event.prints.map((print) => {
    const { aggregate: a, price: p, amount: q, fills } = print;
    const ids = fills.map((fill) => (spot ? fill.id : usdmTradeId(fill.id)));
    const range = { p, q, f: ids[0], l: ids.at(-1), T, m };
    const data = spot
      ? { e: 'aggTrade', E, a, s, ...range, M: true }
      : { e: 'aggTrade', E, a, s, ps: s, ...range, st: 1 };
    return [data, tradeEntry(event, print, String(a), T * 1000)];
  });
}

function bookTicker(event: SimTicker, spot: boolean): Told {
  const [E, T, s, u] = [told(event.timeUs), ms(event.timeUs), idOf(event.instrument), event.sequence];
  const best = { b: event.bid[0], B: event.bid[1], a: event.ask[0], A: event.ask[1] };
  if (spot) return [{ u, s, ...best }, tickerEntry(event.instrument, null)];
  const data = { e: 'bookTicker', u: usdmSequence(u), s, ps: s, ...best, T, E, st: 1 };
  return [data, tickerEntry(event.instrument, T * 1000)];
}

function ticker(event: SimTicker, spot: boolean): Told {
  const [E, s] = [told(event.timeUs), idOf(event.instrument)];
  const { open: o, high: h, low: l, last: c, lastAmount: Q, baseVolume: v, quoteVolume: q } = event;
  const move = Number(c) - Number(o);
  const change = { p: move.toFixed(2), P: ((100 * move) / Number(o)).toFixed(3), w: o };
  const quote = { b: event.bid[0], B: event.bid[1], a: event.ask[0], A: event.ask[1] };
  const day = { o, h, l, v, q, O: E - 86_400_000, C: E, F: 1, L: event.sequence, n: event.sequence };
  const data = spot
    ? { e: '24hrTicker', E, s, ...change, x: o, c, Q, ...quote, ...day }
    : { e: '24hrTicker', E, s, ps: s, ...change, c, Q, ...day, st: 1 };
  return [data, tickerEntry(event.instrument, E * 1000)];
}

function miniTicker(event: SimTicker, spot: boolean): Told {
  const [e, E, s] = ['24hrMiniTicker', told(event.timeUs), idOf(event.instrument)];
  const { open: o, high: h, low: l, last: c, baseVolume: v, quoteVolume: q } = event;
  const day = { c, o, h, l, v, q };
  return [
    spot ? { e, E, s, ...day } : { e, E, s, ps: s, ...day, st: 1 },
    tickerEntry(event.instrument, E * 1000),
  ];
}

function depth(event: SimBookUpdate, spot: boolean): Told {
  const [e, E, T, s] = ['depthUpdate', told(event.timeUs), ms(event.timeUs), idOf(event.instrument)];
  const { instrument, bids: b, asks: a } = event;
  const entry = (timeMs: number, sequence: number, prevSequence: number): JournalEntry =>
    bookEntry(instrument, event, { timestampUs: timeMs * 1000, snapshot: false, sequence, prevSequence });
  if (spot) {
    const [U, u] = [event.first, event.last];
    return [{ e, E, s, U, u, b, a }, entry(E, u, U - 1)];
  }
  const [U, u, pu] = [event.first * 7, usdmSequence(event.last), usdmSequence(event.previous)];
  return [{ e, E, T, s, ps: s, U, u, pu, b, a, st: 1 }, entry(T, u, pu)];
}
