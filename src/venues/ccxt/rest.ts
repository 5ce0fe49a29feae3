/**
 * ccxt's unified answers, of any exchange.
 * https://docs.ccxt.com/#/README?id=market-data
 */

import { z } from 'zod';
import { plainDecimal } from '../../core/decimal.ts';
import type { Feed, Level, MarketMessage } from '../../core/event.ts';
import { ok, type Result } from '../../core/result.ts';
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
import { instrumentId, msNumber, readAnswer, sequence, us } from '../schema.ts';

/** A number of ccxt's as decimal text; the empty text where there is none. */
const digits = z
  .union([z.number(), z.string()])
  .nullish()
  .transform((value, context) => {
    if (value === null || value === undefined) return '';
    const text = plainDecimal(Number(value));
    if (text === null) context.addIssue('expected an amount or a price');
    return text ?? '';
  });
const time = msNumber.nullish();
const levels = z.array(z.tuple([digits, digits], z.unknown()));

const tickerAnswer = z.object({
  timestamp: time,
  ...{ ask: digits, askVolume: digits, bid: digits, bidVolume: digits },
  ...{ last: digits, baseVolume: digits, quoteVolume: digits },
});
const bookAnswer = z.object({ timestamp: time, nonce: sequence.nullish(), bids: levels, asks: levels });
/** Oldest first. */
const tradesAnswer = z.array(
  z.object({
    id: z.string().max(64).nullish(),
    timestamp: msNumber,
    side: z.enum(['buy', 'sell']).nullish(),
    price: digits,
    amount: digits,
  }),
);
const marketsAnswer = z.array(
  z.object({
    symbol: instrumentId,
    active: z.boolean().nullish(),
    contract: z.boolean().nullish(),
    contractSize: digits,
    precision: z.object({ price: digits }).nullish(),
  }),
);

const METHODS = { ticker: 'fetchTicker', orderbook: 'fetchOrderBook', trades: 'fetchTrades' } as const;
const WINDOW = 'requests';

function poll(feed: Feed, { symbol, market }: Located): readonly RestCall[] {
  return [{ method: METHODS[feed], params: { symbol }, weight: 1, window: WINDOW, market }];
}

function readPoll(
  feed: Feed,
  text: string,
  located: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  switch (feed) {
    case 'ticker':
      return readTicker(text, located, localUs);
    case 'orderbook':
      return readBook(text, located, localUs);
    case 'trades':
      return readTrades(text, located, localUs);
  }
}

const usOr = (ms: number | null | undefined, localUs: number): number => (ms == null ? localUs : us(ms));

function readTicker(text: string, { symbol }: Located, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tickerAnswer, text);
  if (!answer.ok) return answer;
  const { timestamp, ask, askVolume, bid, bidVolume, last, baseVolume, quoteVolume } = answer.value;
  const quote = { askAmount: askVolume, askPrice: ask, bidPrice: bid, bidAmount: bidVolume };
  const fields = { ...quote, lastPrice: last, baseVolume, quoteVolume };
  return ok([{ type: 'ticker', symbol, timestampUs: usOr(timestamp, localUs), localUs, fields }]);
}

function readBook(
  text: string,
  { symbol, market }: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  const answer = readAnswer(bookAnswer, text);
  if (!answer.ok) return answer;
  const { timestamp, nonce, bids, asks } = answer.value;
  const level = ([price, amount]: (typeof bids)[number]): Level => [price, amount];
  return ok([
    {
      type: 'book',
      market,
      symbol,
      timestampUs: usOr(timestamp, localUs),
      localUs,
      snapshot: true,
      sequence: nonce ?? null,
      prevSequence: null,
      bids: bids.map(level),
      asks: asks.map(level),
    },
  ]);
}

/** A trade without an id is known by all that is told of it. */
function readTrades(text: string, { symbol }: Located, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tradesAnswer, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.map(({ id, timestamp, side, price, amount }) => ({
      type: 'trade',
      symbol,
      timestampUs: us(timestamp),
      localUs,
      id: id || `${timestamp}-${side ?? 'unknown'}-${price}-${amount}`,
      side: side ?? 'unknown',
      price,
      amount,
    })),
  );
}

function readInstruments(ex: string, text: string): Result<readonly Instrument[]> {
  const answer = readAnswer(marketsAnswer, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.map(({ symbol, active, contract, contractSize, precision }) => ({
      ex,
      symbol,
      id: symbol,
      market: symbol.includes(':') ? 'linear' : 'spot',
      contract_size: contract ? contractSize || null : '1',
      amount_unit: contract ? 'contracts' : 'base',
      price_tick: precision?.price || null,
      trading: active !== false,
    })),
  );
}

/** Where an exchange names no time. */
const LIMIT_MS = 30_000;
const BAN_MS = 300_000;

/** What nearly all exchanges share: the statuses of HTTP. */
function judge(answer: RestAnswer): Verdict {
  const namedMs = retryAfterMs(answer);
  switch (answer.status) {
    case 429:
      return { ...FREE, limit: limit(429, namedMs, LIMIT_MS) };
    case 418:
    case 403:
      return { ...FREE, limit: limit(answer.status, namedMs, BAN_MS, { ban: true }) };
    default:
      return FREE;
  }
}

const KINDS: Readonly<Record<string, 'depth' | 'ticker' | 'trades'>> = {
  fetchTicker: 'ticker',
  fetchOrderBook: 'depth',
  fetchTrades: 'trades',
};

/** Of the calls that a capture holds: `ccxt://kraken/fetchTrades?symbol=BTC%2FUSD`. */
function recognise(url: string): RestAnswerKind | null {
  if (!url.startsWith('ccxt://')) return null;
  const { path, query } = pathOf(url);
  const kind = KINDS[path.slice(1)];
  const id = query.get('symbol') ?? '';
  return kind === undefined ? null : { kind, id, market: id.includes(':') ? 'linear' : 'spot' };
}

function loadMarkets(params: RestCall['params']): RestCall {
  return { method: 'loadMarkets', params, weight: 1, window: WINDOW, market: null };
}

export function restOf(id: string): VenueRest {
  return {
    ccxt: id,
    unified: true,
    bases: () => ({}),
    // Beside the operators' cap, which is the tighter one unless they raise it.
    windows: [{ name: WINDOW, limit: 600, perMs: 60_000 }],
    methods: ['loadMarkets', ...Object.values(METHODS)],
    judge,
    instruments: (located) => [loadMarkets({ symbols: located.map(({ symbol }) => symbol).join(',') })],
    catalogue: () => [loadMarkets({})],
    unlistedCodes: ['BadSymbol'],
    readInstruments: (text) => readInstruments(id, text),
    clock: () => null,
    readClock: () => ({
      ok: false,
      error: { code: 'not_used', message: 'by headers alone', retry: 'never' },
    }),
    depth: () => null,
    readDepth: () => ({ ok: false, error: { code: 'not_used', message: 'polled only', retry: 'never' } }),
    poll,
    readPoll,
    history: null,
    recognise,
  };
}
