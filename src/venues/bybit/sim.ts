/** Bybit v5 as a server, spot and linear, in today's shapes. */

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
    tick: '0.1',
    step: '0.000001',
    priceDigits: 1,
    amountDigits: 6,
  },
  {
    symbol: `${base}/USDT:USDT`,
    base,
    quote: 'USDT',
    market: 'linear',
    tick: '0.10',
    step: '0.001',
    priceDigits: 2,
    amountDigits: 3,
  },
]);

const DEPTHS = [1, 50, 200, 1000];
const idOf = (instrument: SimInstrument): string => `${instrument.base}${instrument.quote}`;
const ms = (us: number): number => Math.floor(us / 1000);
/** Trade ids on linear are UUIDs, on spot large numbers. */
const tradeId = (event: SimTrade): string =>
  event.instrument.market === 'spot'
    ? `22800000${String(event.id).padStart(11, '0')}`
    : `a9188a0a-82bc-50de-be60-${event.id.toString(16).padStart(12, '0')}`;

function session({ path }: SimRequest, view: SimView): SimSession | null {
  const market = /^\/v5\/public\/(spot|linear)$/.exec(path)?.[1];
  if (market === undefined) return null;
  const offered = new Map(
    view.instruments.filter((one) => one.market === market).map((one) => [idOf(one), one]),
  );
  const topics = new Set<string>();
  /** What a linear ticker's client was told last: deltas carry only what changed. */
  const told = new Map<string, Readonly<Record<string, string>>>();

  const subscribe = (topic: string): readonly SimFrame[] | null => {
    const [kind, ...rest] = topic.split('.');
    const instrument = offered.get(rest.at(-1) ?? '');
    if (instrument === undefined) return null;
    const fresh = !topics.has(topic);
    switch (kind) {
      case 'publicTrade':
        topics.add(topic);
        return [];
      case 'tickers': {
        topics.add(topic);
        told.delete(topic);
        return [tickerFrame(topic, view.ticker(instrument.symbol), told)];
      }
      case 'orderbook': {
        const depth = Number(rest[0]);
        if (!DEPTHS.includes(depth)) return null;
        topics.add(topic);
        return fresh ? [snapshot(topic, instrument, depth, view)] : [];
      }
      default:
        return null;
    }
  };

  return {
    onMessage(text) {
      const {
        op,
        args = [],
        req_id = '',
      } = JSON.parse(text) as { op: string; args?: readonly string[]; req_id?: string };
      const ack = (success: boolean, ret_msg: string): SimFrame => ({
        text: JSON.stringify({ success, ret_msg, conn_id: 'sim', req_id, op }),
        journal: [],
      });
      if (op === 'ping') return [pong(market, view)];
      if (op === 'unsubscribe') {
        for (const topic of args) topics.delete(topic);
        return [ack(true, '')];
      }
      const answers = args.map((topic) => [topic, subscribe(topic)] as const);
      const bad = answers.find(([, frames]) => frames === null);
      if (bad !== undefined) return [ack(false, `error:handler not found,topic:${bad[0]}`)];
      return [
        ack(true, market === 'spot' ? 'subscribe' : ''),
        ...answers.flatMap(([, frames]) => frames ?? []),
      ];
    },
    onEvent(event) {
      if (event.instrument.market !== market) return [];
      return frames(event, topics, told, view);
    },
    onTick: () => [],
  };
}

function pong(market: string, view: SimView): SimFrame {
  const spot = { success: true, ret_msg: 'pong', conn_id: 'sim', op: 'ping' };
  const linear = { req_id: '', op: 'pong', args: [String(ms(view.nowUs()))], conn_id: 'sim' };
  return { text: JSON.stringify(market === 'spot' ? spot : linear), journal: [] };
}

function frames(
  event: SimEvent,
  topics: ReadonlySet<string>,
  told: Map<string, Readonly<Record<string, string>>>,
  view: SimView,
): readonly SimFrame[] {
  const id = idOf(event.instrument);
  switch (event.type) {
    case 'trade':
      return topics.has(`publicTrade.${id}`) ? [trade(event)] : [];
    case 'book':
      return DEPTHS.filter((depth) => depth > 1 && topics.has(`orderbook.${depth}.${id}`)).map((depth) =>
        bookFrame(`orderbook.${depth}.${id}`, 'delta', event.timeUs, event.instrument, event),
      );
    case 'ticker': {
      const best = event.part === 'quote' && topics.has(`orderbook.1.${id}`);
      const linear = event.instrument.market === 'linear';
      const stats = topics.has(`tickers.${id}`) && (linear || event.part === 'stats');
      return [
        ...(best ? [snapshot(`orderbook.1.${id}`, event.instrument, 1, view)] : []),
        ...(stats ? [tickerFrame(`tickers.${id}`, event, told)] : []),
      ];
    }
  }
}

function trade(event: SimTrade): SimFrame {
  const T = ms(event.timeUs);
  const { instrument, side, price: p, amount: v } = event;
  const [s, S, i] = [idOf(instrument), side === 'buy' ? 'Buy' : 'Sell', tradeId(event)];
  const one =
    instrument.market === 'spot'
      ? { i, T, p, v, S, seq: event.id, s, BT: false, RPI: false }
      : { T, s, S, v, p, L: 'ZeroPlusTick', i, BT: false, RPI: false, seq: event.id };
  const entry: JournalEntry = {
    feed: 'trades',
    symbol: instrument.symbol,
    id: i,
    side,
    price: p,
    amount: v,
    timestampUs: T * 1000,
  };
  return {
    text: JSON.stringify({ topic: `publicTrade.${s}`, type: 'snapshot', ts: T, data: [one] }),
    journal: [entry],
  };
}

function bookFrame(
  topic: string,
  type: 'snapshot' | 'delta',
  nowUs: number,
  instrument: SimInstrument,
  book: SimBookUpdate | Snap,
): SimFrame {
  const ts = ms(nowUs);
  const data = { s: idOf(instrument), b: book.bids, a: book.asks, u: book.index, seq: book.index * 11 };
  // Level 1 of spot is a ticker's quote; every other book is a book.
  const asTicker = topic.startsWith('orderbook.1.') && instrument.market === 'spot';
  const entry: JournalEntry = asTicker
    ? { feed: 'ticker', symbol: instrument.symbol, timestampUs: (ts - 1) * 1000 }
    : {
        feed: 'orderbook',
        symbol: instrument.symbol,
        snapshot: type === 'snapshot',
        sequence: book.index,
        prevSequence: type === 'snapshot' ? null : book.index - 1,
        bids: book.bids,
        asks: book.asks,
      };
  return { text: JSON.stringify({ topic, type, ts, data, cts: ts - 1 }), journal: [entry] };
}

type Snap = Pick<SimBookUpdate, 'bids' | 'asks' | 'index'>;

function snapshot(topic: string, instrument: SimInstrument, depth: number, view: SimView): SimFrame {
  return bookFrame(topic, 'snapshot', view.nowUs(), instrument, view.book(instrument.symbol, depth));
}

function tickerFrame(
  topic: string,
  event: SimTicker,
  told: Map<string, Readonly<Record<string, string>>>,
): SimFrame {
  const ts = ms(event.timeUs);
  const symbol = idOf(event.instrument);
  const cs = event.sequence;
  const { last: lastPrice, baseVolume: volume24h, quoteVolume: turnover24h } = event;
  const journal: readonly JournalEntry[] = [
    { feed: 'ticker', symbol: event.instrument.symbol, timestampUs: ts * 1000 },
  ];
  const range = { highPrice24h: lastPrice, lowPrice24h: lastPrice, prevPrice24h: lastPrice };
  if (event.instrument.market === 'spot') {
    const data = {
      symbol,
      lastPrice,
      ...range,
      volume24h,
      turnover24h,
      price24hPcnt: '0.0015',
      usdIndexPrice: lastPrice,
    };
    return { text: JSON.stringify({ topic, ts, type: 'snapshot', cs, data }), journal };
  }
  const all = {
    lastPrice,
    turnover24h,
    volume24h,
    bid1Price: event.bid[0],
    bid1Size: event.bid[1],
    ask1Price: event.ask[0],
    ask1Size: event.ask[1],
  };
  const before = told.get(topic);
  told.set(topic, all);
  if (before === undefined) {
    const contract = {
      markPrice: lastPrice,
      indexPrice: lastPrice,
      openInterest: '59895.976',
      fundingRate: '0.0001',
    };
    const data = {
      symbol,
      tickDirection: 'ZeroPlusTick',
      price24hPcnt: '0.0016',
      ...range,
      ...contract,
      ...all,
    };
    return { text: JSON.stringify({ topic, type: 'snapshot', data, cs, ts }), journal };
  }
  const changed = Object.fromEntries(Object.entries(all).filter(([key, value]) => before[key] !== value));
  return { text: JSON.stringify({ topic, type: 'delta', data: { symbol, ...changed }, cs, ts }), journal };
}

function rest({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const time = ms(view.nowUs());
  const answer = (retCode: number, retMsg: string, result: object): SimResponse => ({
    status: 200,
    body: JSON.stringify({ retCode, retMsg, result, retExtInfo: {}, time }),
  });
  if (path === '/v5/market/time') {
    return answer(0, 'OK', { timeSecond: String(Math.floor(time / 1000)), timeNano: `${time}000000` });
  }
  if (path !== '/v5/market/instruments-info') return null;
  const category = query.get('category');
  const symbol = query.get('symbol');
  const chosen = view.instruments.filter(
    (one) => one.market === category && (symbol === null || idOf(one) === symbol),
  );
  if (symbol !== null && chosen.length === 0) return answer(10001, 'params error: symbol invalid', {});
  return answer(0, 'OK', {
    category,
    list: chosen.map(info),
    ...(category === 'linear' ? { nextPageCursor: '' } : {}),
  });
}

function info(instrument: SimInstrument): object {
  const names = {
    symbol: idOf(instrument),
    baseCoin: instrument.base,
    quoteCoin: instrument.quote,
    status: 'Trading',
  };
  const priceFilter = { tickSize: instrument.tick };
  return instrument.market === 'spot'
    ? { ...names, innovation: '0', marginTrading: 'utaOnly', priceFilter }
    : { ...names, contractType: 'LinearPerpetual', settleCoin: instrument.quote, priceFilter };
}

export const sim: VenueSim = { instruments, session, rest };
