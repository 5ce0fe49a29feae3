/** Bybit v5 as a server, spot and linear, in today's shapes. */

import type { Level } from '../../core/event.ts';
import {
  bookEntry,
  type JournalEntry,
  type SimEvent,
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

const SPOT = { market: 'spot', tick: '0.1', priceDigits: 2, quoteDigits: 8, zeros: 'none' } as const;
const LINEAR = { market: 'linear', tick: '0.10', priceDigits: 2, quoteDigits: 4, zeros: 'all' } as const;
const BTC = { base: 'BTC', quote: 'USDT' };
const ETH = { base: 'ETH', quote: 'USDT' };
export const instruments: readonly SimInstrument[] = [
  { ...SPOT, ...BTC, symbol: 'BTC/USDT', step: '0.000001', amountDigits: 6 },
  { ...LINEAR, ...BTC, symbol: 'BTC/USDT:USDT', step: '0.001', amountDigits: 3 },
  { ...SPOT, ...ETH, symbol: 'ETH/USDT', tick: '0.01', step: '0.00001', amountDigits: 5 },
  { ...LINEAR, ...ETH, symbol: 'ETH/USDT:USDT', tick: '0.01', step: '0.01', amountDigits: 2 },
];

const DEPTHS = [1, 50, 200, 1000];
/** Level 1 is sent again, with the same `u`, when nothing changed for so long. */
const LEVEL_1_IDLE_US = 3_000_000;
const FUNDING_US = 28_800_000_000;
export const idOf = (instrument: SimInstrument): string => `${instrument.base}${instrument.quote}`;
export const ms = (us: number): number => Math.floor(us / 1000);
/** A message is made (`ts`) a little after the matching engine did its part (`cts`). */
const MADE_AFTER_MS = 1;

interface Topic {
  readonly kind: 'publicTrade' | 'tickers' | 'orderbook';
  readonly instrument: SimInstrument;
  /** Of `orderbook`. */
  readonly depth: number;
  /** What a linear ticker's client was told last: deltas carry only what changed. */
  told: Fields | null;
  /** When a level 1 was sent last. */
  sentUs: number;
}

type Fields = Readonly<Record<string, string>>;

interface Request {
  readonly op: string;
  readonly args?: readonly string[];
  readonly req_id?: string;
}

const shared = createSharedFrames();

export function session({ path }: SimRequest, view: SimView): SimSession | null {
  const market = /^\/v5\/public\/(spot|linear)$/.exec(path)?.[1];
  if (market === undefined) return null;
  const topics = new Map<string, Topic>();

  const topicOf = (name: string): Topic | null => {
    const [, kind, depth = '0', id] =
      /^(publicTrade|tickers|orderbook)\.(?:(\d+)\.)?([A-Z0-9]+)$/.exec(name) ?? [];
    const instrument = view.instruments.find((one) => one.market === market && idOf(one) === id);
    const isDepth = DEPTHS.includes(Number(depth));
    if (instrument === undefined || (kind === 'orderbook' ? !isDepth : depth !== '0')) return null;
    const state = { told: null, sentUs: view.steadyUs() };
    return { kind: kind as Topic['kind'], instrument, depth: Number(depth), ...state };
  };

  return {
    pingMs: null,
    onMessage(text) {
      const { op, args = [], req_id } = JSON.parse(text) as Request;
      // Linear says an empty `req_id` where none was sent, spot says none.
      const named = req_id === undefined && market === 'spot' ? {} : { req_id: req_id ?? '' };
      const said = (answer: object): SimFrame => ({ text: JSON.stringify(answer), journal: [] });
      const ack = (success: boolean, ret_msg: string): SimFrame =>
        said({ success, ret_msg, conn_id: 'sim', ...named, op });
      if (op === 'ping' && market === 'spot') return [ack(true, 'pong')];
      if (op === 'ping')
        return [said({ ...named, op: 'pong', args: [String(ms(view.nowUs()))], conn_id: 'sim' })];
      if (op === 'unsubscribe') {
        for (const name of args) topics.delete(name);
        return [ack(true, '')];
      }
      if (op !== 'subscribe') return [ack(false, `error:unknown op,op:${op}`)];
      const wanted = args.map((name) => [name, topicOf(name)] as const);
      const bad = wanted.find(([, topic]) => topic === null);
      if (bad !== undefined) return [ack(false, `error:handler not found,topic:${bad[0]}`)];
      const first = wanted.flatMap(([name, topic]) => {
        if (topic === null || topics.has(name)) return [];
        topics.set(name, topic);
        return firstFrames(name, topic, view);
      });
      return [ack(true, market === 'spot' ? 'subscribe' : ''), ...first];
    },
    onEvent(event) {
      if (event.instrument.market !== market) return [];
      const id = idOf(event.instrument);
      return namesOf(event, id).flatMap((name) => {
        const topic = topics.get(name);
        return topic === undefined ? [] : framesOf(event, name, topic, view);
      });
    },
    onTick(steadyUs) {
      return [...topics].flatMap(([name, topic]) => {
        if (topic.depth !== 1 || steadyUs < topic.sentUs + LEVEL_1_IDLE_US) return [];
        topic.sentUs = steadyUs;
        return [levelOne(name, view.ticker(topic.instrument.symbol), view.nowUs())];
      });
    },
    onRenumber(instrument) {
      return [...topics].flatMap(([name, topic]) =>
        topic.instrument === instrument && topic.kind === 'orderbook' ? firstFrames(name, topic, view) : [],
      );
    },
  };
}

function namesOf(event: SimEvent, id: string): readonly string[] {
  if (event.type === 'trade') return [`publicTrade.${id}`];
  if (event.type === 'book') return DEPTHS.slice(1).map((depth) => `orderbook.${depth}.${id}`);
  // Spot tickers have no quote to tell of.
  const isTold = event.part === 'stats' || event.instrument.market === 'linear';
  return [...(event.part === 'quote' ? [`orderbook.1.${id}`] : []), ...(isTold ? [`tickers.${id}`] : [])];
}

/** What a new subscription brings at once. */
function firstFrames(name: string, topic: Topic, view: SimView): readonly SimFrame[] {
  const { kind, instrument, depth } = topic;
  if (kind === 'publicTrade') return [];
  if (kind === 'tickers') return tickers(name, view.ticker(instrument.symbol), topic);
  if (depth === 1) return [levelOne(name, view.ticker(instrument.symbol), view.nowUs())];
  return [book(name, 'snapshot', view.nowUs(), instrument, view.window(instrument.symbol, depth))];
}

function framesOf(event: SimEvent, name: string, topic: Topic, view: SimView): readonly SimFrame[] {
  switch (event.type) {
    case 'trade':
      return shared(event, name, () => [trades(name, event)]);
    case 'book':
      return shared(event, name, () => {
        const window = view.window(topic.instrument.symbol, topic.depth);
        if (window.update !== event.index) return [];
        const changed = { ...window, bids: window.changedBids, asks: window.changedAsks };
        return [book(name, 'delta', event.timeUs, topic.instrument, changed)];
      });
    case 'ticker':
      if (topic.kind === 'tickers') return tickers(name, event, topic);
      topic.sentUs = view.steadyUs();
      return shared(event, name, () => [levelOne(name, event, event.timeUs)]);
  }
}

export const rows = (event: SimTrade): readonly JournalEntry[] => trades('', event).journal;

/** All fills of a market order together. Ids are UUIDs on linear, large numbers on spot. */
function trades(topic: string, event: SimTrade): SimFrame {
  const { instrument, side, prints, timeUs } = event;
  const [T, s, S] = [ms(timeUs), idOf(instrument), side === 'buy' ? 'Buy' : 'Sell'];
  const spot = instrument.market === 'spot';
  const fills = prints.flatMap(({ price, aggregate: seq, fills }) =>
    fills.map(({ id, amount }) => ({ seq, price, amount, i: spot ? spotId(id) : linearId(id) })),
  );
  const flags = { BT: false, RPI: false };
  const data = fills.map(({ seq, price: p, amount: v, i }) =>
    spot ? { i, T, p, v, S, seq, s, ...flags } : { T, s, S, v, p, L: 'PlusTick', i, ...flags, seq },
  );
  const journal = fills.map((fill) => tradeEntry(event, fill, fill.i, T * 1000));
  return frame(topic, 'snapshot', T + MADE_AFTER_MS, spot, { data }, journal);
}

export const spotId = (id: number): string => `22800000${String(id).padStart(11, '0')}`;
export const linearId = (id: number): string =>
  `a9188a0a-82bc-50de-be60-${id.toString(16).padStart(12, '0')}`;

/** Spot says `ts` before `type`, linear after it. */
function frame(
  topic: string,
  type: 'snapshot' | 'delta',
  ts: number,
  spot: boolean,
  rest: object,
  journal: readonly JournalEntry[],
): SimFrame {
  const head = spot ? { topic, ts, type } : { topic, type, ts };
  return { text: JSON.stringify({ ...head, ...rest }), journal };
}

interface Numbered {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly index: number;
  readonly sequence: number;
}

function book(
  topic: string,
  type: 'snapshot' | 'delta',
  nowUs: number,
  instrument: SimInstrument,
  { bids, asks, index: u, sequence: seq }: Numbered,
): SimFrame {
  const cts = ms(nowUs);
  const spot = instrument.market === 'spot';
  const snapshot = type === 'snapshot';
  const numbers = { snapshot, sequence: u, prevSequence: snapshot ? null : u - 1 };
  // A level 1 of spot is the quote of a ticker row; every other book is a book.
  const entry =
    spot && topic.startsWith('orderbook.1.')
      ? tickerEntry(instrument, cts * 1000)
      : bookEntry(instrument, { bids, asks }, { timestampUs: cts * 1000, ...numbers });
  const data = { s: idOf(instrument), b: bids, a: asks, u, seq };
  return frame(topic, type, cts + MADE_AFTER_MS, spot, { data, cts }, [entry]);
}

function levelOne(topic: string, event: SimTicker, nowUs: number): SimFrame {
  const { instrument, bid, ask, index, sequence } = event;
  return book(topic, 'snapshot', nowUs, instrument, { bids: [bid], asks: [ask], index, sequence });
}

function tickers(topic: string, event: SimTicker, state: Topic): readonly SimFrame[] {
  const { instrument, sequence: cs } = event;
  const [ts, symbol] = [ms(event.timeUs), idOf(instrument)];
  const journal = [tickerEntry(instrument, ts * 1000)];
  if (instrument.market === 'spot') {
    const data = { symbol, ...dayOf(event), price24hPcnt: changeOf(event), usdIndexPrice: event.last };
    return [{ text: JSON.stringify({ topic, ts, type: 'snapshot', cs, data }), journal }];
  }
  const all = linearFields(event);
  const before = state.told;
  state.told = all;
  const told = before === null ? all : changes(before, all);
  if (Object.keys(told).length === 0) return [];
  const type = before === null ? 'snapshot' : 'delta';
  return [{ text: JSON.stringify({ topic, type, data: { symbol, ...told }, cs, ts }), journal }];
}

export const changeOf = ({ last, open }: SimTicker): string => (Number(last) / Number(open) - 1).toFixed(4);

export const dayOf = ({ last, high, low, open, baseVolume, quoteVolume }: SimTicker): Fields => ({
  ...{ lastPrice: last, highPrice24h: high, lowPrice24h: low, prevPrice24h: open },
  ...{ volume24h: baseVolume, turnover24h: quoteVolume },
});

function linearFields(event: SimTicker): Fields {
  const { last, bid, ask, open: prevPrice1h } = event;
  const worth = (interest: number): string => (interest * Number(last)).toFixed(2);
  return {
    ...{ tickDirection: 'ZeroPlusTick', price24hPcnt: changeOf(event), ...dayOf(event), prevPrice1h },
    ...{ markPrice: last, indexPrice: last, openInterest: '59895.976', openInterestValue: worth(59_895.976) },
    ...{ singleOpenInterest: '29947.988', singleOpenInterestValue: worth(29_947.988) },
    ...{ fundingIntervalHour: '8', fundingCap: '0.005', fundingRate: '0.00005440' },
    nextFundingTime: String(Math.ceil(event.timeUs / FUNDING_US) * (FUNDING_US / 1000)),
    ...{ bid1Price: bid[0], bid1Size: bid[1], ask1Price: ask[0], ask1Size: ask[1] },
    ...{ preOpenPrice: '', preQty: '', curPreListingPhase: '' },
  };
}

/** Price and size of a side go together, as recorded. */
function changes(before: Fields, after: Fields): Fields {
  const isNew = (key: string): boolean => before[key] !== after[key];
  const entries = Object.entries(after).filter(([key]) => {
    const side = /^(bid1|ask1)(Price|Size)$/.exec(key)?.[1];
    return side === undefined ? isNew(key) : isNew(`${side}Price`) || isNew(`${side}Size`);
  });
  return Object.fromEntries(entries);
}
