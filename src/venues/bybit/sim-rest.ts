/** Bybit's REST as a server. */

import {
  bookEntry,
  type JournalEntry,
  type SimInstrument,
  type SimRequest,
  type SimResponse,
  type SimTrade,
  type SimView,
  tickerEntry,
  tradeEntry,
} from '../../core/sim.ts';
import { changeOf, dayOf, idOf, linearId, ms, spotId } from './sim.ts';

export function answer({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const time = ms(view.nowUs());
  const said = (retCode: number, retMsg: string, result: object): SimResponse => ({
    status: 200,
    body: JSON.stringify({ retCode, retMsg, result, retExtInfo: {}, time }),
  });
  if (path === '/v5/market/time')
    return said(0, 'OK', { timeSecond: String(Math.floor(time / 1000)), timeNano: `${time}000000` });
  const [, kind] = /^\/v5\/market\/(instruments-info|tickers|orderbook|recent-trade)$/.exec(path) ?? [];
  if (kind === undefined) return null;
  const category = query.get('category');
  if (category !== 'spot' && category !== 'linear') return said(10001, 'params error: category invalid', {});
  const symbol = query.get('symbol');
  const chosen = view.instruments.filter(
    (one) => one.market === category && (symbol === null || idOf(one) === symbol),
  );
  if (symbol !== null && chosen.length === 0) return said(10001, 'params error: symbol invalid', {});
  const [one] = chosen;
  if (kind !== 'instruments-info') {
    if (symbol === null || one === undefined) return said(10001, 'params error: symbol invalid', {});
    const { result, journal } = marketAnswer(kind, one, Number(query.get('limit') ?? 50), view);
    return { ...said(0, 'OK', { category, ...result }), journal };
  }
  const cursor = category === 'linear' ? { nextPageCursor: '' } : {};
  return said(0, 'OK', { category, list: chosen.map(info), ...cursor });
}

interface Told {
  readonly result: object;
  readonly journal: readonly JournalEntry[];
}

function marketAnswer(kind: string, one: SimInstrument, limit: number, view: SimView): Told {
  const now = ms(view.nowUs());
  switch (kind) {
    case 'tickers': {
      const ticker = view.ticker(one.symbol);
      const { bid, ask } = ticker;
      const quote = { bid1Price: bid[0], bid1Size: bid[1], ask1Price: ask[0], ask1Size: ask[1] };
      const list = [{ symbol: idOf(one), ...quote, ...dayOf(ticker), price24hPcnt: changeOf(ticker) }];
      return { result: { list }, journal: [tickerEntry(one, now * 1000)] };
    }
    case 'orderbook': {
      const book = view.window(one.symbol, limit);
      const result = {
        s: idOf(one),
        b: book.bids,
        a: book.asks,
        ts: now,
        u: book.index,
        seq: book.sequence,
        cts: now,
      };
      const numbers = { snapshot: true, sequence: book.index, prevSequence: null };
      return { result, journal: [bookEntry(one, book, { timestampUs: now * 1000, ...numbers })] };
    }
    default: {
      const told = view.trades(one.symbol).flatMap(fillsOf).slice(-limit);
      return {
        result: { list: told.map(([row]) => row).reverse() },
        journal: told.map(([, entry]) => entry),
      };
    }
  }
}

function fillsOf(trade: SimTrade): readonly (readonly [object, JournalEntry])[] {
  const { instrument, side, prints, timeUs } = trade;
  const idText = instrument.market === 'spot' ? spotId : linearId;
  const time = ms(timeUs);
  const more = {
    side: side === 'buy' ? 'Buy' : 'Sell',
    time: String(time),
    isBlockTrade: false,
    isRPITrade: false,
  };
  return prints.flatMap(({ price, aggregate, fills }) =>
    fills.map(({ id, amount: size }) => {
      const execId = idText(id);
      const entry = tradeEntry(trade, { price, amount: size }, execId, time * 1000);
      return [
        { execId, symbol: idOf(instrument), price, size, ...more, seq: String(aggregate) },
        entry,
      ] as const;
    }),
  );
}

function info(one: SimInstrument): object {
  const names = { symbol: idOf(one), baseCoin: one.base, quoteCoin: one.quote, status: 'Trading' };
  const filters = { priceFilter: { tickSize: one.tick }, lotSizeFilter: { basePrecision: one.step } };
  const perpetual = { contractType: 'LinearPerpetual', settleCoin: one.quote };
  return { ...names, ...(one.market === 'spot' ? { marginTrading: 'utaOnly' } : perpetual), ...filters };
}
