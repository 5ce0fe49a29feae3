/** Two small venues, so that the settings are tested apart from the registry. */

import type { VenueDeclaration } from '../../config/schema.ts';
import { parseSymbol } from '../../src/core/symbol.ts';

/** Has both markets of any pair, all feeds and two hosts. */
const wide: VenueDeclaration = {
  id: 'wide',
  feeds: ['ticker', 'orderbook', 'trades'],
  endpoints: {
    rest: 'https://api.wide.test',
    ws: 'wss://ws.wide.test',
    futures_rest: 'https://fapi.wide.test',
    futures_ws: 'wss://fws.wide.test',
  },
  maxInfoRpm: 300,
  rest: {
    windows: [{ name: 'weight', limit: 6_000, perMs: 60_000 }],
    methods: ['publicGetDepth', 'publicGetTrades'],
  },
  defaultSymbols: ['BTC/USDT'],
  locate(symbol) {
    const parts = parseSymbol(symbol);
    return parts && { symbol, id: `${parts.base}${parts.quote}`, market: parts.market };
  },
};

/** Spot in yen and trades alone. */
const narrow: VenueDeclaration = {
  id: 'narrow',
  feeds: ['trades'],
  endpoints: { rest: 'https://api.narrow.test', ws: 'wss://ws.narrow.test' },
  maxInfoRpm: 100,
  rest: { windows: [], methods: [] },
  defaultSymbols: ['BTC/JPY'],
  locate: (symbol) => (symbol === 'BTC/JPY' ? { symbol, id: 'BTC_JPY', market: 'spot' } : null),
};

export const FAKE_VENUES: readonly VenueDeclaration[] = [wide, narrow];
