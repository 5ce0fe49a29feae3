/**
 * bitFlyer's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://lightning.bitflyer.com/docs?lang=en#market-list
 */

import { z } from 'zod';
import type { Feed, MarketMessage } from '../../core/event.ts';
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
import { explain, instrumentId, readAnswer } from '../schema.ts';
import { symbolOf } from './dial.ts';
import { history } from './history.ts';
import { bookOf, marketOfProduct, tickerOf, tradesOf } from './map.ts';
import { answers, parseLossless } from './wire.ts';

/** It always has some: an empty list is no answer. */
const markets = z
  .array(z.object({ product_code: instrumentId, market_type: z.string() }))
  .min(1, 'expected markets');

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

const TRADES = 500;
const METHODS = {
  ticker: 'publicGetGetticker',
  orderbook: 'publicGetGetboard',
  trades: 'publicGetGetexecutions',
} as const;

function poll(feed: Feed, { id: product_code, market }: Located): readonly RestCall[] {
  const params = feed === 'trades' ? { product_code, count: TRADES } : { product_code };
  return [{ method: METHODS[feed], params, weight: 1, window: 'ip', market }];
}

/** Executions come with the newest first. */
function readPoll(
  feed: Feed,
  text: string,
  { symbol, market }: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  switch (feed) {
    case 'ticker': {
      const answer = readLossless(answers.ticker, text);
      return answer.ok ? ok([tickerOf(answer.value, symbol, localUs)]) : answer;
    }
    case 'orderbook': {
      const answer = readLossless(answers.orderbook, text);
      if (!answer.ok) return answer;
      return ok([bookOf(answer.value, { symbol, market, snapshot: true }, localUs, () => undefined)]);
    }
    case 'trades': {
      const answer = readLossless(answers.trades, text);
      return answer.ok ? ok(tradesOf(answer.value, symbol, localUs).toReversed()) : answer;
    }
  }
}

/** An answer's numbers as their own text, through a schema. */
function readLossless<S extends z.ZodType>(schema: S, text: string): Result<z.infer<S>> {
  const json = parseLossless(text);
  if (!json.ok) return json;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? ok(parsed.data) : err(failure('wrong_shape', explain(parsed.error)));
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

const KINDS: Readonly<Record<string, 'depth' | 'ticker' | 'trades'>> = {
  board: 'depth',
  ticker: 'ticker',
  executions: 'trades',
};

function recognise(url: string): RestAnswerKind | null {
  const { path, query } = pathOf(url);
  if (/\/v1\/(getmarkets|markets)(\/(usa|eu))?$/.test(path)) return { kind: 'instruments', market: null };
  const kind = KINDS[/\/v1\/(?:get)?([a-z]+)$/.exec(path)?.[1] ?? ''];
  const id = query.get('product_code') ?? '';
  return kind === undefined ? null : { kind, id, market: marketOfProduct(id) };
}

export const rest: VenueRest = {
  ccxt: 'bitflyer',
  bases: (endpoints) => ({ rest: `${endpoints.rest}` }),
  windows: [{ name: 'ip', limit: 500, perMs: 300_000 }],
  methods: ['publicGetGetmarkets', ...Object.values(METHODS)],
  judge,
  instruments,
  catalogue: instruments,
  unlistedCodes: [],
  readInstruments,
  clock: () => null,
  readClock: () => err(failure('not_used', 'bitFlyer tells its time in headers alone', 'never')),
  depth: () => null,
  readDepth: () => err(failure('not_used', 'bitFlyer pushes its book snapshots', 'never')),
  poll,
  readPoll,
  history,
  recognise,
};
