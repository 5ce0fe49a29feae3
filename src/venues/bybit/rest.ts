/**
 * Bybit's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://bybit-exchange.github.io/docs/v5/market/instrument
 */

import { z } from 'zod';
import type { Market } from '../../core/event.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { unified } from '../../core/symbol.ts';
import type {
  Instrument,
  Located,
  RestAnswer,
  RestAnswerKind,
  RestCall,
  VenueRest,
  Verdict,
} from '../../core/venue.ts';
import { pathOf } from '../kit.ts';
import { FREE, later, limit, retryAfterMs, untilMs } from '../limits.ts';
import { decimal, instrumentId, readAnswer } from '../schema.ts';

const instrumentsInfo = z.object({
  retCode: z.literal(0),
  result: z.object({
    category: z.enum(['spot', 'linear']),
    list: z.array(
      z.object({
        symbol: instrumentId,
        status: z.string(),
        baseCoin: z.string(),
        quoteCoin: z.string(),
        contractType: z.string().optional(),
        priceFilter: z.object({ tickSize: decimal }),
      }),
    ),
  }),
});

function instruments(located: readonly Located[]): readonly RestCall[] {
  // By symbol while that is fewer calls than the whole list (which comes in pages of 1,000).
  return (['spot', 'linear'] as const).flatMap((category) => {
    const ids = located.filter((one) => one.market === category).map((one) => one.id);
    const queries =
      ids.length <= 3 ? ids.map((symbol) => ({ category, symbol })) : [{ category, limit: 1000 }];
    return queries.map((params) => ({
      method: 'publicGetV5MarketInstrumentsInfo',
      params,
      weight: 1,
      window: 'ip',
      market: category,
    }));
  });
}

function readInstruments(text: string): Result<readonly Instrument[]> {
  const answer = readAnswer(instrumentsInfo, text);
  if (!answer.ok) return answer;
  const { category, list } = answer.value.result;
  return ok(
    list
      .filter((one) => category === 'spot' || one.contractType === 'LinearPerpetual')
      .map((one) => ({
        ex: 'bybit',
        symbol: unified(one.baseCoin, one.quoteCoin, category),
        id: one.symbol,
        market: category,
        contract_size: '1',
        amount_unit: 'base',
        price_tick: one.priceFilter.tickSize,
        trading: one.status === 'Trading',
      })),
  );
}

/** "Terminate all HTTP sessions and wait for at least 10 minutes." */
const BAN_MS = 600_000;
/** Its window of requests, where an answer names no time; and for the protection of its whole system. */
const LIMIT_MS = 5_000;
const PROTECTION_MS = 60_000;

/**
 * 403 "access too frequent" bans the address, sessions of every kind; 10006 "too many visits" tells when its count
 * begins anew; 10429 is "system level frequency protection".
 * https://bybit-exchange.github.io/docs/v5/rate-limit
 */
function judge(answer: RestAnswer): Verdict {
  const { status, code, headers } = answer;
  const afterMs = retryAfterMs(answer);
  if (status === 403) {
    const namedMs = Math.max(BAN_MS, afterMs ?? 0);
    return { ...FREE, limit: limit(403, namedMs, BAN_MS, { ban: true, scope: 'all' }) };
  }
  if (code === '10429') return { ...FREE, limit: limit(429, afterMs, PROTECTION_MS) };
  if (code !== '10006' && status !== 429) return FREE;
  const resetMs = Number(headers['x-bapi-limit-reset-timestamp'] ?? Number.NaN);
  return { ...FREE, limit: limit(429, later(afterMs, untilMs(resetMs, answer)), LIMIT_MS) };
}

function recognise(url: string): RestAnswerKind | null {
  const { path, query } = pathOf(url);
  if (!path.endsWith('/v5/market/instruments-info')) return null;
  const category = query.get('category');
  return {
    kind: 'instruments',
    market: category === 'spot' || category === 'linear' ? (category as Market) : null,
  };
}

export const rest: VenueRest = {
  ccxt: 'bybit',
  bases: (endpoints) => ({ public: `${endpoints.rest}` }),
  windows: [{ name: 'ip', limit: 600, perMs: 5_000 }],
  methods: ['publicGetV5MarketInstrumentsInfo'],
  judge,
  instruments,
  unlistedCodes: ['10001'],
  readInstruments,
  depth: () => null,
  readDepth: () => err(failure('not_used', 'Bybit pushes its book snapshots', 'never')),
  recognise,
};
