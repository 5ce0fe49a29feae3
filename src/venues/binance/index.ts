/** Binance: spot and USD-M linear perpetuals. */

import type { BookMessage, Market } from '../../core/event.ts';
import { type BookRule, defineVenue } from '../../core/venue.ts';
import { splitId } from '../kit.ts';
import { dial, locate, marketOf, request } from './dial.ts';
import { isSingle } from './history.ts';
import { mapper } from './map.ts';
import { rest } from './rest.ts';
import { instruments, rows, session } from './sim.ts';
import { faults } from './sim-faults.ts';
import { answer } from './sim-rest.ts';
import { read } from './wire.ts';

/**
 * A delta covers the updates (prevSequence, sequence]. Spot drops what the snapshot already holds (u ≤ lastUpdateId);
 * USD-M drops u < lastUpdateId and joins where U ≤ lastUpdateId ≤ u or pu = lastUpdateId. The pages name `U`, but
 * USD-M numbers all symbols together, so a snapshot may lie between `pu` and `U` too: nothing of this symbol does.
 */
const bookRule = (market: Market): BookRule => ({
  snapshot: 'rest',
  join(delta: BookMessage, snapshotSequence: number | null) {
    const [snapshot, last, previous] = [snapshotSequence ?? 0, delta.sequence ?? 0, delta.prevSequence ?? 0];
    if (market === 'spot' ? last <= snapshot : last < snapshot) return 'stale';
    return previous <= snapshot ? 'joins' : 'gap';
  },
});

export const binance = defineVenue({
  id: 'binance',
  feeds: ['ticker', 'orderbook', 'trades'],
  endpoints: {
    rest: 'https://api.binance.com',
    ws: 'wss://stream.binance.com:9443',
    futures_rest: 'https://fapi.binance.com',
    futures_ws: 'wss://fstream.binance.com',
  },
  hosts: ['binance.com', 'binance.vision'],
  maxInfoRpm: 300,
  defaultSymbols: ['BTC/USDT'],
  locate,
  symbolOf: splitId,
  marketOf,
  dial,
  request,
  read,
  mapper,
  bookRule,
  // Both count per symbol. USD-M's single ones skip: those off the book take ids and are no rows.
  tradeIds: (market, options) => (market === 'linear' && isSingle({ market }, options) ? 'grow' : 'count'),
  rest,
  sim: { instruments, session, rest: answer, rows, faults },
});
