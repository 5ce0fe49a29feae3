/**
 * OKX's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 */

import { z } from 'zod';
import { err, failure, ok, type Result } from '../../core/result.ts';
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
import { FREE, limit, retryAfterMs } from '../limits.ts';
import { instrumentId, readAnswer } from '../schema.ts';
import { symbolOf } from './dial.ts';

const instrumentsAnswer = z.object({
  code: z.literal('0'),
  data: z.array(
    z.object({
      instType: z.string(),
      instId: instrumentId,
      state: z.string(),
      ctVal: z.string(),
      tickSz: z.string(),
    }),
  ),
});

function instruments(located: readonly Located[]): readonly RestCall[] {
  return (
    [
      ['spot', 'SPOT'],
      ['linear', 'SWAP'],
    ] as const
  ).flatMap(([market, instType]) => {
    const ids = located.filter((one) => one.market === market).map((one) => one.id);
    const queries = ids.length <= 3 ? ids.map((instId) => ({ instType, instId })) : [{ instType }];
    return queries.map((params) => ({
      method: 'publicGetPublicInstruments',
      params,
      weight: 1,
      window: 'instruments',
      market,
    }));
  });
}

function readInstruments(text: string): Result<readonly Instrument[]> {
  const answer = readAnswer(instrumentsAnswer, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.data.map((one) => ({
      ex: 'okx',
      symbol: symbolOf(one.instId) ?? one.instId,
      id: one.instId,
      market:
        one.instType === 'SPOT' ? 'spot' : one.instType === 'SWAP' ? 'linear' : one.instType.toLowerCase(),
      contract_size: one.instType === 'SPOT' ? '1' : one.ctVal,
      amount_unit: one.instType === 'SPOT' ? 'base' : 'contracts',
      price_tick: one.tickSz,
      trading: one.state === 'live',
    })),
  );
}

/** Its windows are of 2 s; a busy venue wants to be asked "later"; the firewall before it names no time. */
const LIMIT_MS = 2_000;
const BUSY_MS = 5_000;
const FIREWALL_MS = 60_000;

/**
 * 429 or 50011: too many; 50013: the venue is busy; it sends no header of its own.
 * https://www.okx.com/docs-v5/en/#error-code
 */
function judge(answer: RestAnswer): Verdict {
  const { status, code } = answer;
  const namedMs = retryAfterMs(answer);
  if (status === 403) return { ...FREE, limit: limit(403, namedMs, FIREWALL_MS, { ban: true }) };
  if (code === '50013') return { ...FREE, limit: limit(status === 429 ? 429 : 'ERR', namedMs, BUSY_MS) };
  if (status !== 429 && code !== '50011') return FREE;
  return { ...FREE, limit: limit(429, namedMs, LIMIT_MS) };
}

function recognise(url: string): RestAnswerKind | null {
  return pathOf(url).path.endsWith('/api/v5/public/instruments')
    ? { kind: 'instruments', market: null }
    : null;
}

export const rest: VenueRest = {
  ccxt: 'okx',
  bases: (endpoints) => ({ rest: `${endpoints.rest}` }),
  windows: [{ name: 'instruments', limit: 20, perMs: 2_000 }],
  methods: ['publicGetPublicInstruments'],
  judge,
  instruments,
  unlistedCodes: ['51001'],
  readInstruments,
  depth: () => null,
  readDepth: () => err(failure('not_used', 'OKX pushes its book snapshots', 'never')),
  recognise,
};
