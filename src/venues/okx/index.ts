/** OKX v5: spot and linear swaps. */

import { type BookRule, defineVenue } from '../../core/venue.ts';
import { dial, locate, request, symbolOf } from './dial.ts';
import { mapper } from './map.ts';
import { rest } from './rest.ts';
import { instruments, rows, session } from './sim.ts';
import { faults } from './sim-faults.ts';
import { answer } from './sim-rest.ts';
import { read } from './wire.ts';

/** `prevSeqId` names the message before. The checksum is always 0 since 2026 and means nothing. */
const bookRule: BookRule = {
  snapshot: 'subscribe',
  join: (delta, snapshotSequence) => (delta.prevSequence === snapshotSequence ? 'joins' : 'gap'),
};

export const okx = defineVenue({
  id: 'okx',
  feeds: ['ticker', 'orderbook', 'trades'],
  endpoints: { rest: 'https://www.okx.com', ws: 'wss://ws.okx.com:8443' },
  hosts: ['okx.com', 'okex.com'],
  maxInfoRpm: 300,
  defaultSymbols: ['BTC/USDT'],
  locate,
  symbolOf,
  marketOf: () => null,
  dial,
  request,
  read,
  mapper,
  bookRule: () => bookRule,
  // Not promised: so it is in every recording. A break asks the REST history, which tells.
  tradeIds: () => 'fills',
  rest,
  sim: { instruments, session, rest: answer, rows, faults },
});
