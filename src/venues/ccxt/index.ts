/**
 * Any other exchange that ccxt knows, with no code of its own: polled by ccxt's unified methods. Its digits are those
 * of JavaScript's numbers, its books have what one answer has.
 */

import { parseSymbol } from '../../core/symbol.ts';
import { defineVenue, type Venue } from '../../core/venue.ts';
import { rejected } from '../schema.ts';
import { restOf } from './rest.ts';

/** `id`: ccxt's name for it. */
export function ccxtVenue(id: string): Venue {
  return defineVenue<never>({
    id,
    key: `ccxt:${id}`,
    feeds: ['ticker', 'orderbook', 'trades'],
    // Empty: ccxt knows where it is.
    endpoints: { rest: '' },
    hosts: [id],
    maxInfoRpm: 60,
    defaultSymbols: [],
    locate(symbol) {
      const market = parseSymbol(symbol)?.market;
      return market === undefined ? null : { symbol, id: symbol, market };
    },
    symbolOf: (symbol) => (parseSymbol(symbol) === null ? null : symbol),
    marketOf: () => null,
    dial: () => [],
    request: () => '',
    read: () => rejected('a polled venue has no frames'),
    mapper: () => () => undefined,
    bookRule: () => ({ snapshot: 'subscribe', join: () => 'gap' }),
    tradeIds: () => 'names',
    rest: restOf(id),
    sim: { instruments: [], session: () => null, rest: () => null, rows: () => [], faults: null },
  });
}
