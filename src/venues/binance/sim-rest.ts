/** Binance's REST as a server. */

import {
  bookEntry,
  type JournalEntry,
  type SimInstrument,
  type SimRequest,
  type SimResponse,
  type SimTrade,
  type SimView,
  type TradeEntry,
  tickerEntry,
  tradeEntry,
} from '../../core/sim.ts';
import { idOf, ms, told, usdmSequence, usdmTradeId } from './sim.ts';

/** What a depth answer weighs, by its limit: https://developers.binance.com/docs/binance-spot-api-docs/rest-api */
const SPOT_WEIGHTS = [[100, 5], [500, 25], [1000, 50], [5000, 250]] as const; // biome-ignore format: a table
const USDM_WEIGHTS = [[5, 2], [10, 2], [20, 2], [50, 2], [100, 5], [500, 10], [1000, 20]] as const; // biome-ignore format: a table

export function answer({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const match =
    /^\/(api\/v3|fapi\/v1)\/(ping|time|depth|exchangeInfo|trades|historicalTrades|aggTrades|ticker\/24hr|ticker\/bookTicker)$/.exec(
      path,
    );
  if (!match) return null;
  const spot = match[1] === 'api/v3';
  const offered = view.instruments.filter((one) => one.market === (spot ? 'spot' : 'linear'));
  const said = (status: number, weight: number, body: object): SimResponse => ({
    status,
    body: JSON.stringify(body),
    cost: { pool: spot ? 'spot' : 'usdm', weight, header: 'x-mbx-used-weight-1m' },
  });
  const refuse = (code: number, msg: string): SimResponse => said(400, 1, { code, msg });
  const serverTime = ms(view.nowUs());
  switch (match[2]) {
    case 'ping':
      return said(200, 1, {});
    case 'time':
      return said(200, 1, { serverTime });
    case 'exchangeInfo': {
      const ids = query.has('symbol') ? [query.get('symbol')] : listOf(query.get('symbols'));
      if (ids === null) return refuse(-1100, "Illegal characters found in parameter 'symbols'.");
      const chosen = offered.filter((one) => ids.length === 0 || ids.includes(idOf(one)));
      if (chosen.length < ids.length) return refuse(-1121, 'Invalid symbol.');
      return said(200, spot ? 20 : 1, { timezone: 'UTC', serverTime, symbols: chosen.map(info) });
    }
  }
  const instrument = offered.find((one) => idOf(one) === query.get('symbol'));
  if (instrument === undefined) return refuse(-1121, 'Invalid symbol.');
  switch (match[2]) {
    case 'depth': {
      const limit = Number(query.get('limit') ?? (spot ? 100 : 500));
      const weight = spot
        ? SPOT_WEIGHTS.find(([most]) => limit >= 1 && limit <= most)?.[1]
        : USDM_WEIGHTS.find(([only]) => limit === only)?.[1];
      if (weight === undefined) return refuse(-4021, `'${limit}' is not valid depth limit.`);
      const { body, entry } = depthAnswer(instrument, limit, view);
      return { ...said(200, weight, body), journal: [entry] };
    }
    case 'ticker/24hr':
      return {
        ...said(200, spot ? 2 : 1, day(instrument, view)),
        journal: journalOf(instrument, told(view.nowUs())),
      };
    case 'ticker/bookTicker': {
      const { bid, ask } = view.ticker(instrument.symbol);
      const quote = { bidPrice: bid[0], bidQty: bid[1], askPrice: ask[0], askQty: ask[1] };
      const body = { symbol: idOf(instrument), ...quote, ...(spot ? {} : { time: serverTime }) };
      return { ...said(200, 2, body), journal: journalOf(instrument, serverTime) };
    }
    default: {
      const limit = Number(query.get('limit') ?? 500);
      const trades = view.trades(instrument.symbol);
      const single = match[2] !== 'aggTrades';
      const all = single ? trades.flatMap(singles) : trades.flatMap(aggregates);
      const from = query.get('fromId');
      const rows =
        from === null || match[2] === 'trades'
          ? all.slice(-limit)
          : all.filter(([, { id }]) => Number(id) >= Number(from)).slice(0, limit);
      const weight = match[2] === 'trades' ? (spot ? 25 : 5) : single ? (spot ? 25 : 20) : spot ? 4 : 20;
      return {
        ...said(
          200,
          weight,
          rows.map(([row]) => row),
        ),
        journal: rows.map(([, entry]) => entry),
      };
    }
  }
}

const journalOf = (instrument: SimInstrument, timeMs: number): readonly JournalEntry[] => [
  tickerEntry(instrument, timeMs * 1000),
];

/** USD-M's has no quote. */
function day(instrument: SimInstrument, view: SimView): object {
  const { last, lastAmount, open, high, low, baseVolume, quoteVolume, bid, ask } = view.ticker(
    instrument.symbol,
  );
  const closeTime = told(view.nowUs());
  const quote = { bidPrice: bid[0], bidQty: bid[1], askPrice: ask[0], askQty: ask[1] };
  return {
    ...{ symbol: idOf(instrument), lastPrice: last, lastQty: lastAmount },
    ...(instrument.market === 'spot' ? quote : {}),
    ...{ openPrice: open, highPrice: high, lowPrice: low, volume: baseVolume, quoteVolume },
    ...{ openTime: closeTime - 86_400_000, closeTime },
  };
}

type Row = readonly [row: object, journal: TradeEntry];

/** Those off the book are not told here. */
function singles(trade: SimTrade): readonly Row[] {
  const spot = trade.instrument.market === 'spot';
  const [time, isBuyerMaker] = [ms(trade.timeUs), trade.side === 'sell'];
  return trade.prints.flatMap(({ price, fills }) =>
    fills.map(({ id: fill, amount: qty }): Row => {
      const id = spot ? fill : usdmTradeId(fill);
      const quoteQty = (Number(price) * Number(qty)).toFixed(trade.instrument.quoteDigits);
      return [
        { id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch: true },
        tradeEntry(trade, { price, amount: qty }, String(id), time * 1000),
      ];
    }),
  );
}

function aggregates(trade: SimTrade): readonly Row[] {
  const spot = trade.instrument.market === 'spot';
  const [T, m] = [ms(trade.timeUs), trade.side === 'sell'];
  return trade.prints.map((print): Row => {
    const ids = print.fills.map(({ id }) => (spot ? id : usdmTradeId(id)));
    const { aggregate: a, price: p, amount: q } = print;
    return [
      { a, p, q, f: ids[0], l: ids.at(-1), T, m, ...(spot ? { M: true } : {}) },
      tradeEntry(trade, print, String(a), T * 1000),
    ];
  });
}

/** `["BTCUSDT"]`; empty when absent, null when it is no list. */
function listOf(text: string | null): readonly unknown[] | null {
  if (text === null) return [];
  const inner = /^\[("[A-Z0-9]+"(?:,"[A-Z0-9]+")*)\]$/.exec(text)?.[1];
  return inner === undefined ? null : inner.replaceAll('"', '').split(',');
}

function depthAnswer(instrument: SimInstrument, limit: number, view: SimView) {
  const book = view.book(instrument.symbol, limit);
  const spot = instrument.market === 'spot';
  const lastUpdateId = spot ? book.sequence : usdmSequence(book.sequence);
  const [E, T] = [told(view.nowUs()), ms(view.nowUs())];
  const numbers = { snapshot: true, sequence: lastUpdateId, prevSequence: null };
  const entry = bookEntry(instrument, book, { timestampUs: spot ? null : T * 1000, ...numbers });
  return { body: { lastUpdateId, ...(spot ? {} : { E, T }), bids: book.bids, asks: book.asks }, entry };
}

function info(one: SimInstrument): object {
  const id = idOf(one);
  const filters = [
    { filterType: 'PRICE_FILTER', minPrice: one.tick, maxPrice: '1000000.00', tickSize: one.tick },
    { filterType: 'LOT_SIZE', minQty: one.step, maxQty: '9000.00', stepSize: one.step },
  ];
  const names = { symbol: id, status: 'TRADING', baseAsset: one.base, quoteAsset: one.quote };
  return one.market === 'spot'
    ? { ...names, filters }
    : { ...names, pair: id, contractType: 'PERPETUAL', marginAsset: one.quote, filters };
}
