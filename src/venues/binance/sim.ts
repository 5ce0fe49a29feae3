/** Binance as a server, spot and USD-M, in today's shapes. */

import type { Level } from '../../core/event.ts';
import type {
  JournalEntry,
  SimBookUpdate,
  SimEvent,
  SimFrame,
  SimInstrument,
  SimRequest,
  SimResponse,
  SimSession,
  SimTicker,
  SimTrade,
  SimView,
  VenueSim,
} from '../../core/sim.ts';

const instruments: readonly SimInstrument[] = (['BTC', 'ETH'] as const).flatMap((base) => [
  {
    symbol: `${base}/USDT`,
    base,
    quote: 'USDT',
    market: 'spot',
    tick: '0.01',
    step: '0.00001',
    priceDigits: 8,
    amountDigits: 8,
  },
  {
    symbol: `${base}/USDT:USDT`,
    base,
    quote: 'USDT',
    market: 'linear',
    tick: base === 'BTC' ? '0.10' : '0.01',
    step: '0.001',
    priceDigits: 2,
    amountDigits: 3,
  },
]);

const idOf = (instrument: SimInstrument): string => `${instrument.base}${instrument.quote}`;
const ms = (us: number): number => Math.floor(us / 1000);

/** USD-M numbers the updates of all symbols together: a symbol's own numbers lie far apart, `U` never follows `u`. */
const usdmSequence = (count: number): number => count * 7 + 3;
/** Every so many trades on USD-M one is off the book. */
const OFF_BOOK_EVERY = 50;

/** What a path serves; the path-less USD-M URL of old is silently deaf for `/market` streams. */
interface Route {
  readonly market: 'spot' | 'linear';
  readonly kinds: readonly string[];
  readonly wrapped: boolean;
}

const PUBLIC = ['trade', 'bookTicker', 'depth'];
const MARKET = ['aggTrade', 'ticker'];

function routeOf(path: string): Route | null {
  const match = /^\/(?:(public|market)\/)?(ws|stream)(?:\/.*)?$/.exec(path);
  if (!match) return null;
  const wrapped = match[2] === 'stream';
  if (match[1] === undefined) return { market: 'spot', kinds: [...PUBLIC, ...MARKET], wrapped };
  return { market: 'linear', kinds: match[1] === 'public' ? PUBLIC : MARKET, wrapped };
}

function session({ path, query }: SimRequest, view: SimView): SimSession | null {
  const route = routeOf(path);
  if (route === null) return null;
  const known = new Set(
    view.instruments.filter((one) => one.market === route.market).map((one) => idOf(one).toLowerCase()),
  );
  const subscribed = new Set<string>();
  const subscribe = (name: string): boolean => {
    const [id = '', kind = ''] = name.split('@');
    if (!known.has(id)) return false;
    // Accepted and silent, as the real one does with a stream of the other path.
    if (route.kinds.includes(kind)) subscribed.add(`${id}@${kind}`);
    return true;
  };
  for (const name of (query.get('streams') ?? path.split('/ws/')[1] ?? '').split('/')) subscribe(name);

  const frame = (name: string, data: object, journal: readonly JournalEntry[]): SimFrame => ({
    text: JSON.stringify(route.wrapped ? { stream: name, data } : data),
    journal,
  });

  return {
    onMessage(text) {
      const { method, params, id } = JSON.parse(text) as {
        method: string;
        params: readonly string[];
        id: number;
      };
      if (method === 'UNSUBSCRIBE')
        for (const name of params) subscribed.delete(name.split('@').slice(0, 2).join('@'));
      const taken = method !== 'SUBSCRIBE' || params.map(subscribe).every(Boolean);
      const reply = taken
        ? { result: null, id }
        : { error: { code: 2, msg: 'Invalid request: unknown stream' }, id };
      return [{ text: JSON.stringify(reply), journal: [] }];
    },
    onEvent(event) {
      if (event.instrument.market !== route.market) return [];
      const id = idOf(event.instrument).toLowerCase();
      const wants = (kind: string): boolean => subscribed.has(`${id}@${kind}`);
      return frames(event, id, route.market === 'spot', wants, frame);
    },
    onTick: () => [],
  };
}

function frames(
  event: SimEvent,
  id: string,
  spot: boolean,
  wants: (kind: string) => boolean,
  frame: (name: string, data: object, journal: readonly JournalEntry[]) => SimFrame,
): readonly SimFrame[] {
  switch (event.type) {
    case 'trade':
      return [
        ...(wants('trade') ? [frame(`${id}@trade`, ...trade(event, spot))] : []),
        ...(wants('aggTrade') ? [frame(`${id}@aggTrade`, ...aggTrade(event, spot))] : []),
      ];
    case 'book':
      return wants('depth') ? [frame(`${id}@depth@100ms`, ...depth(event, spot))] : [];
    case 'ticker':
      if (event.part === 'quote')
        return wants('bookTicker') ? [frame(`${id}@bookTicker`, ...bookTicker(event, spot))] : [];
      return wants('ticker') ? [frame(`${id}@ticker`, ...ticker(event, spot))] : [];
  }
}

type Told = readonly [data: object, journal: readonly JournalEntry[]];

function tradeEntry(event: SimTrade, id: number): JournalEntry {
  const { instrument, side, price, amount, timeUs } = event;
  return {
    feed: 'trades',
    symbol: instrument.symbol,
    id: String(id),
    side,
    price,
    amount,
    timestampUs: ms(timeUs) * 1000,
  };
}

function trade(event: SimTrade, spot: boolean): Told {
  const T = ms(event.timeUs);
  const [p, q, s, m] = [event.price, event.amount, idOf(event.instrument), event.side === 'sell'];
  if (spot) return [{ e: 'trade', E: T, s, t: event.id, p, q, T, m, M: true }, [tradeEntry(event, event.id)]];
  const X = event.id % OFF_BOOK_EVERY === 0 ? 'INSURANCE_FUND' : 'MARKET';
  const data = { e: 'trade', E: T, T, s, ps: s, t: event.id, p, q, X, m, st: 1 };
  return [data, X === 'MARKET' ? [tradeEntry(event, event.id)] : []];
}

function aggTrade(event: SimTrade, spot: boolean): Told {
  const T = ms(event.timeUs);
  const s = idOf(event.instrument);
  const a = event.id - 1_000_000;
  const common = { e: 'aggTrade', E: T, a, s, p: event.price, q: event.amount, f: event.id, l: event.id, T };
  const m = event.side === 'sell';
  return [spot ? { ...common, m, M: true } : { ...common, ps: s, m, st: 1 }, [tradeEntry(event, a)]];
}

function bookTicker(event: SimTicker, spot: boolean): Told {
  const s = idOf(event.instrument);
  const T = ms(event.timeUs);
  const best = { b: event.bid[0], B: event.bid[1], a: event.ask[0], A: event.ask[1] };
  const entry: JournalEntry = {
    feed: 'ticker',
    symbol: event.instrument.symbol,
    timestampUs: spot ? null : T * 1000,
  };
  const u = event.sequence;
  if (spot) return [{ u, s, ...best }, [entry]];
  return [{ e: 'bookTicker', u: usdmSequence(u), s, ps: s, ...best, T, E: T, st: 1 }, [entry]];
}

function ticker(event: SimTicker, spot: boolean): Told {
  const s = idOf(event.instrument);
  const E = ms(event.timeUs);
  const { last: c, baseVolume: v, quoteVolume: q } = event;
  const change = { p: '0.00', P: '0.000', w: c, c, Q: event.bid[1] };
  const sides = { b: event.bid[0], B: event.bid[1], a: event.ask[0], A: event.ask[1] };
  const range = { o: c, h: c, l: c, v, q, O: E - 86_400_000, C: E, F: 1, L: 2, n: 2 };
  const data = spot
    ? { e: '24hrTicker', E, s, x: c, ...change, ...sides, ...range }
    : { e: '24hrTicker', E, s, ps: s, ...change, ...range, st: 1 };
  return [data, [{ feed: 'ticker', symbol: event.instrument.symbol, timestampUs: E * 1000 }]];
}

function depth(event: SimBookUpdate, spot: boolean): Told {
  const E = ms(event.timeUs);
  const s = idOf(event.instrument);
  const [b, a] = [event.bids, event.asks];
  const entry = (sequence: number, prevSequence: number): JournalEntry => ({
    feed: 'orderbook',
    symbol: event.instrument.symbol,
    snapshot: false,
    sequence,
    prevSequence,
    bids: b,
    asks: a,
  });
  if (spot) {
    const [U, u] = [event.first, event.last];
    return [{ e: 'depthUpdate', E, s, U, u, b, a }, [entry(u, U - 1)]];
  }
  const [U, u, pu] = [event.first * 7, usdmSequence(event.last), usdmSequence(event.previous)];
  return [{ e: 'depthUpdate', E, T: E, s, ps: s, U, u, pu, b, a, st: 1 }, [entry(u, pu)]];
}

const HEADERS = { 'x-mbx-used-weight-1m': '10' };

function rest({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const match = /^\/(api\/v3|fapi\/v1)\/(ping|time|depth|exchangeInfo)$/.exec(path);
  if (!match) return null;
  const spot = match[1] === 'api/v3';
  const offered = view.instruments.filter((one) => one.market === (spot ? 'spot' : 'linear'));
  const answer = (body: object, status = 200, journal: readonly JournalEntry[] = []): SimResponse => ({
    status,
    body: JSON.stringify(body),
    headers: HEADERS,
    journal,
  });
  switch (match[2]) {
    case 'ping':
      return answer({});
    case 'time':
      return answer({ serverTime: ms(view.nowUs()) });
    case 'depth': {
      const instrument = offered.find((one) => idOf(one) === query.get('symbol'));
      if (instrument === undefined) return answer(INVALID, 400);
      return depthAnswer(instrument, Number(query.get('limit') ?? 100), view, spot, answer);
    }
    default: {
      const one = query.get('symbol');
      const ids =
        one === null ? (JSON.parse(query.get('symbols') ?? 'null') as readonly string[] | null) : [one];
      const chosen = ids === null ? offered : offered.filter((each) => ids.includes(idOf(each)));
      if (ids !== null && chosen.length < ids.length) return answer(INVALID, 400);
      return answer({
        timezone: 'UTC',
        serverTime: ms(view.nowUs()),
        symbols: chosen.map((each) => info(each, spot)),
      });
    }
  }
}

const INVALID = { code: -1121, msg: 'Invalid symbol.' };

function depthAnswer(
  instrument: SimInstrument,
  limit: number,
  view: SimView,
  spot: boolean,
  answer: (body: object, status: number, journal: readonly JournalEntry[]) => SimResponse,
): SimResponse {
  const book = view.book(instrument.symbol, limit);
  const lastUpdateId = spot ? book.sequence : usdmSequence(book.sequence);
  const E = ms(view.nowUs());
  const levels: { readonly bids: readonly Level[]; readonly asks: readonly Level[] } = {
    bids: book.bids,
    asks: book.asks,
  };
  const body = spot ? { lastUpdateId, ...levels } : { lastUpdateId, E, T: E, ...levels };
  const symbol = instrument.symbol;
  return answer(body, 200, [
    { feed: 'orderbook', symbol, snapshot: true, sequence: lastUpdateId, prevSequence: null, ...levels },
  ]);
}

function info(instrument: SimInstrument, spot: boolean): object {
  const filters = [
    {
      filterType: 'PRICE_FILTER',
      minPrice: instrument.tick,
      maxPrice: '1000000.00',
      tickSize: instrument.tick,
    },
  ];
  const names = {
    symbol: idOf(instrument),
    status: 'TRADING',
    baseAsset: instrument.base,
    quoteAsset: instrument.quote,
  };
  return spot
    ? { ...names, filters }
    : { ...names, pair: idOf(instrument), contractType: 'PERPETUAL', marginAsset: instrument.quote, filters };
}

export const sim: VenueSim = { instruments, session, rest };
