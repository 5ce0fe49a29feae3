/**
 * bitFlyer's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://lightning.bitflyer.com/docs?lang=en#market-list
 */

import { z } from 'zod';
import { err, failure, ok, type Result } from '../../core/result.ts';
import type {
  Instrument,
  RestAnswer,
  RestAnswerKind,
  RestCall,
  VenueRest,
  Verdict,
} from '../../core/venue.ts';
import { pathOf } from '../kit.ts';
import { FREE, limit, retryAfterMs } from '../limits.ts';
import { instrumentId, readAnswer } from '../schema.ts';
import { symbolOf } from './dial.ts';

const markets = z.array(z.object({ product_code: instrumentId, market_type: z.string() }));

const MARKETS: Readonly<Record<string, string>> = { Spot: 'spot', FX: 'linear' };

function instruments(): readonly RestCall[] {
  return [{ method: 'publicGetGetmarkets', params: {}, weight: 1, window: 'ip', market: null }];
}

function readInstruments(text: string): Result<readonly Instrument[]> {
  const answer = readAnswer(markets, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.map((one) => ({
      ex: 'bitflyer',
      symbol: symbolOf(one.product_code) ?? one.product_code,
      id: one.product_code,
      market: MARKETS[one.market_type] ?? one.market_type.toLowerCase(),
      contract_size: '1',
      amount_unit: 'base',
      // Not told by any public answer.
      price_tick: null,
      // What is not open for trading is not in the list.
      trading: true,
    })),
  );
}

/** bitFlyer names no time: calls "are blocked for a while", and its limit is lowered "for a while" after. */
const LIMIT_MS = 60_000;
const LOWERED = { factor: 0.5, forMs: 600_000 };

/** https://lightning.bitflyer.com/docs?lang=en#api-limits */
function judge(answer: RestAnswer): Verdict {
  const namedMs = retryAfterMs(answer);
  switch (answer.status) {
    case 429:
      return { ...FREE, limit: limit(429, namedMs, LIMIT_MS, { lowered: LOWERED }) };
    case 403:
      return { ...FREE, limit: limit(403, namedMs, LIMIT_MS, { ban: true }) };
    default:
      return FREE;
  }
}

function recognise(url: string): RestAnswerKind | null {
  return /\/v1\/(getmarkets|markets)(\/(usa|eu))?$/.test(pathOf(url).path)
    ? { kind: 'instruments', market: null }
    : null;
}

export const rest: VenueRest = {
  ccxt: 'bitflyer',
  bases: (endpoints) => ({ rest: `${endpoints.rest}` }),
  windows: [{ name: 'ip', limit: 500, perMs: 300_000 }],
  methods: ['publicGetGetmarkets'],
  judge,
  instruments,
  unlistedCodes: [],
  readInstruments,
  depth: () => null,
  readDepth: () => err(failure('not_used', 'bitFlyer pushes its book snapshots', 'never')),
  recognise,
};
