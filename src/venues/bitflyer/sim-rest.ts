/** bitFlyer's REST as a server. */

import { type SimRequest, type SimResponse, type SimView, tickerEntry } from '../../core/sim.ts';
import { boardEntry, boardText, executionsOf, idOf, SNAPSHOT_LEVELS, tickerText } from './sim.ts';

const MARKET_TYPES = { spot: 'Spot', linear: 'FX' } as const;

export function answer({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const json = (body: unknown): SimResponse => ({ status: 200, body: JSON.stringify(body) });
  switch (path) {
    case '/v1/getmarkets':
    case '/v1/markets':
      return json(
        view.instruments.map((one) => ({ product_code: idOf(one), market_type: MARKET_TYPES[one.market] })),
      );
    case '/v1/gethealth':
      return json({ status: 'NORMAL' });
  }
  const found = view.instruments.find((each) => idOf(each) === query.get('product_code'));
  const kind = /^\/v1\/(?:get)?(board|ticker|executions)$/.exec(path)?.[1];
  if (kind === undefined) return null;
  if (found === undefined)
    return { status: 404, body: '{"status":-1,"error_message":"Invalid product","data":null}' };
  switch (kind) {
    case 'board': {
      const book = view.book(found.symbol, SNAPSHOT_LEVELS);
      return { status: 200, body: boardText(found, book, view), journal: [boardEntry(found, true, book)] };
    }
    case 'ticker': {
      const ticker = view.ticker(found.symbol);
      return { status: 200, body: tickerText(ticker, ''), journal: [tickerEntry(found, ticker.timeUs)] };
    }
    default: {
      const before = Number(query.get('before') ?? Number.POSITIVE_INFINITY);
      const told = view
        .trades(found.symbol)
        .flatMap((trade) => executionsOf(trade, ''))
        .filter(([, { id }]) => Number(id) < before);
      const newest = told.slice(-Number(query.get('count') ?? 100));
      const body = `[${newest
        .map(([text]) => text)
        .reverse()
        .join(',')}]`;
      return { status: 200, body, journal: newest.map(([, entry]) => entry) };
    }
  }
}
