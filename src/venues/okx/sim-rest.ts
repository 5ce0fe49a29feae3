/** OKX's REST as a server. */

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
import { CONTRACT, four, idOf, ms, seqId, tickerOf } from './sim.ts';

export function answer({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const said = (code: string, msg: string, data: readonly object[]): SimResponse => ({
    status: 200,
    body: JSON.stringify({ code, data, msg }),
  });
  if (path === '/api/v5/public/time') return said('0', '', [{ ts: String(ms(view.nowUs())) }]);
  const [, kind] = /^\/api\/v5\/market\/(ticker|books|trades|history-trades)$/.exec(path) ?? [];
  if (kind !== undefined) {
    const found = view.instruments.find((one) => idOf(one) === query.get('instId'));
    if (found === undefined) return said('51001', "Instrument ID doesn't exist", []);
    const { data, journal } = marketAnswer(kind, found, query, view);
    return { ...said('0', '', data), journal };
  }
  if (path !== '/api/v5/public/instruments') return null;
  const type = query.get('instType');
  if (type !== 'SPOT' && type !== 'SWAP') return said('51000', 'Parameter instType error', []);
  const market = type === 'SPOT' ? 'spot' : 'linear';
  const id = query.get('instId');
  const chosen = view.instruments.filter((one) => one.market === market && (id === null || idOf(one) === id));
  if (id !== null && chosen.length === 0) return said('51001', "Instrument ID doesn't exist", []);
  return said('0', '', chosen.map(info));
}

interface Told {
  readonly data: readonly object[];
  readonly journal: readonly JournalEntry[];
}

function marketAnswer(kind: string, one: SimInstrument, query: URLSearchParams, view: SimView): Told {
  const now = ms(view.nowUs());
  switch (kind) {
    case 'ticker': {
      const ticker = view.ticker(one.symbol);
      return { data: [tickerOf(ticker)], journal: [tickerEntry(one, ms(ticker.timeUs) * 1000)] };
    }
    case 'books': {
      const book = view.book(one.symbol, Number(query.get('sz') ?? 1));
      const sequence = seqId(book.sequence);
      const sides = { asks: four(book.asks), bids: four(book.bids) };
      const numbers = { snapshot: true, sequence, prevSequence: null };
      return {
        data: [{ ...sides, ts: String(now), seqId: sequence }],
        journal: [bookEntry(one, book, { timestampUs: now * 1000, ...numbers })],
      };
    }
    default: {
      // `after` an id: earlier ones, with `type` 1.
      const after = kind === 'history-trades' ? query.get('after') : null;
      const told = view
        .trades(one.symbol)
        .flatMap(fillsOf)
        .filter(([{ tradeId }]) => after === null || Number(tradeId) < Number(after))
        .slice(-Number(query.get('limit') ?? 100));
      return { data: told.map(([row]) => row).reverse(), journal: told.map(([, entry]) => entry) };
    }
  }
}

/** Unlike its channel, each fill alone. */
function fillsOf(trade: SimTrade): readonly (readonly [{ readonly tradeId: string }, JournalEntry])[] {
  const { instrument, side, prints, timeUs } = trade;
  const [instId, time] = [idOf(instrument), ms(timeUs)];
  return prints.flatMap(({ price: px, fills }) =>
    fills.map(({ id, amount: sz }) => {
      const tradeId = String(id);
      const entry = tradeEntry(trade, { price: px, amount: sz }, tradeId, time * 1000);
      return [{ instId, side, sz, source: '0', px, tradeId, ts: String(time) }, entry] as const;
    }),
  );
}

function info(one: SimInstrument): object {
  const spot = one.market === 'spot';
  return {
    instType: spot ? 'SPOT' : 'SWAP',
    instId: idOf(one),
    uly: spot ? '' : `${one.base}-${one.quote}`,
    baseCcy: spot ? one.base : '',
    quoteCcy: spot ? one.quote : '',
    settleCcy: spot ? '' : one.quote,
    ctVal: spot ? '' : CONTRACT,
    ctMult: spot ? '' : '1',
    ctValCcy: spot ? '' : one.base,
    ctType: spot ? '' : 'linear',
    tickSz: one.tick,
    lotSz: one.step,
    minSz: one.step,
    state: 'live',
  };
}
