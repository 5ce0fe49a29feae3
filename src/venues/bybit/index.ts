/** Bybit v5: spot and linear perpetuals. */

import { type BookRule, defineVenue } from '../../core/venue.ts';
import { dial, locate, marketOf, request, symbolOf } from './dial.ts';
import { mapper } from './map.ts';
import { rest } from './rest.ts';
import { instruments, rows, session } from './sim.ts';
import { faults } from './sim-faults.ts';
import { answer } from './sim-rest.ts';
import { read } from './wire.ts';

/** A pushed snapshot at any time is a reset; each delta's `u` is the one before plus one. */
const bookRule: BookRule = {
  snapshot: 'subscribe',
  join: (delta, snapshotSequence) => (delta.prevSequence === snapshotSequence ? 'joins' : 'gap'),
};

export const bybit = defineVenue({
  id: 'bybit',
  feeds: ['ticker', 'orderbook', 'trades'],
  endpoints: { rest: 'https://api.bybit.com', ws: 'wss://stream.bybit.com' },
  hosts: ['bybit.com', 'bytick.com'],
  maxInfoRpm: 240,
  defaultSymbols: ['BTC/USDT'],
  locate,
  symbolOf,
  marketOf,
  dial,
  request,
  read,
  mapper,
  bookRule: () => bookRule,
  // UUIDs on linear, numbers of which nothing is said on spot.
  tradeIds: () => 'names',
  rest,
  sim: { instruments, session, rest: answer, rows, faults },
});
