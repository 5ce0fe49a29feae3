/** bitFlyer Lightning: spot, and the Crypto CFD (FX_BTC_JPY). */

import { type BookRule, defineVenue } from '../../core/venue.ts';
import { dial, locate, request, symbolOf } from './dial.ts';
import { mapper } from './map.ts';
import { rest } from './rest.ts';
import { instruments, rows, session } from './sim.ts';
import { faults } from './sim-faults.ts';
import { answer } from './sim-rest.ts';
import { read } from './wire.ts';

/** No sequence at all: a delta follows whatever stands before it, and pushed snapshots tell whether that held. */
const bookRule: BookRule = { snapshot: 'pushed', join: () => 'joins' };

export const bitflyer = defineVenue({
  id: 'bitflyer',
  feeds: ['ticker', 'orderbook', 'trades'],
  endpoints: { rest: 'https://api.bitflyer.com', ws: 'wss://ws.lightstream.bitflyer.com' },
  hosts: ['bitflyer.com', 'bitflyer.jp'],
  maxInfoRpm: 100,
  defaultSymbols: ['BTC/JPY'],
  locate,
  symbolOf,
  marketOf: () => null,
  dial,
  request,
  read,
  mapper,
  bookRule: () => bookRule,
  // One counter for all products.
  tradeIds: () => 'grow',
  rest,
  sim: { instruments, session, rest: answer, rows, faults },
});
