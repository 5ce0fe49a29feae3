/**
 * Binance's REST answers that a recorder needs.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api
 */

import { z } from 'zod';
import type { BookMessage, Feed, MarketMessage, TickerFields } from '../../core/event.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
import type {
  FeedOptions,
  Located,
  RestAnswer,
  RestAnswerKind,
  RestCall,
  VenueRest,
  Verdict,
} from '../../core/venue.ts';
import { nextDepth, pathOf } from '../kit.ts';
import { FREE, later, limit, retryAfterMs, untilMinuteMs, untilMs } from '../limits.ts';
import { decimal, levels, msNumber, readAnswer, sequence, us } from '../schema.ts';
import { marketOf } from './dial.ts';
import { history, isSingle, readTrades } from './history.ts';
import { catalogue, instruments, readInstruments } from './rest-instruments.ts';

const DEPTHS = [100, 500, 1000, 5000];
const SPOT_WEIGHT: Readonly<Record<number, number>> = { 100: 5, 500: 25, 1000: 50, 5000: 250 };
const USDM_WEIGHT: Readonly<Record<number, number>> = { 100: 5, 500: 10, 1000: 20 };

/** Spot sends no time; USD-M sends `T`. */
const depthAnswer = z.object({
  lastUpdateId: sequence,
  T: msNumber.optional(),
  bids: levels,
  asks: levels,
});

/** Spot's `ticker/24hr` has all of it; USD-M's has no quote, which its `ticker/bookTicker` (with `time`) has. */
const tickerAnswer = z.union([
  z.object({
    lastPrice: decimal,
    volume: decimal,
    quoteVolume: decimal,
    closeTime: msNumber,
    bidPrice: decimal.optional(),
    bidQty: decimal.optional(),
    askPrice: decimal.optional(),
    askQty: decimal.optional(),
  }),
  z.object({ bidPrice: decimal, bidQty: decimal, askPrice: decimal, askQty: decimal, time: msNumber }),
]);

function depth(located: Located, wanted: number): RestCall {
  const spot = located.market === 'spot';
  const limit = nextDepth(spot ? DEPTHS : DEPTHS.slice(0, 3), wanted);
  return {
    method: spot ? 'publicGetDepth' : 'fapiPublicGetDepth',
    params: { symbol: located.id, limit },
    weight: (spot ? SPOT_WEIGHT : USDM_WEIGHT)[limit] ?? 250,
    window: spot ? 'spot_weight' : 'usdm_weight',
    market: located.market,
  };
}

function readDepth(text: string, located: Located, localUs: number): Result<BookMessage> {
  const answer = readAnswer(depthAnswer, text);
  if (!answer.ok) return answer;
  const { lastUpdateId, T, bids, asks } = answer.value;
  if (located.market === 'linear' && T === undefined)
    return err(failure('wrong_shape', 'T: expected ms as a number'));
  return ok({
    type: 'book',
    market: located.market,
    symbol: located.symbol,
    timestampUs: T === undefined ? localUs : us(T),
    localUs,
    snapshot: true,
    sequence: lastUpdateId,
    prevSequence: null,
    bids,
    asks,
  });
}

const TRADES = 1_000;

function poll(feed: Feed, located: Located, options: FeedOptions): readonly RestCall[] {
  const { id: symbol, market } = located;
  const spot = market === 'spot';
  const window = spot ? 'spot_weight' : 'usdm_weight';
  const call = (method: string, weight: number, params: RestCall['params'] = { symbol }): RestCall => ({
    ...{ method, params, weight, window, market },
  });
  switch (feed) {
    case 'ticker':
      return spot
        ? [call('publicGetTicker24hr', 2)]
        : [call('fapiPublicGetTickerBookTicker', 2), call('fapiPublicGetTicker24hr', 1)];
    case 'orderbook':
      return [depth(located, options.depth)];
    case 'trades': {
      const single = isSingle(located, options);
      const params = { symbol, limit: TRADES };
      if (spot) return [single ? call('publicGetTrades', 25, params) : call('publicGetAggTrades', 4, params)];
      return [single ? call('fapiPublicGetTrades', 5, params) : call('fapiPublicGetAggTrades', 20, params)];
    }
  }
}

function readPoll(
  feed: Feed,
  text: string,
  located: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  switch (feed) {
    case 'ticker':
      return readTicker(text, located.symbol, localUs);
    case 'orderbook': {
      const book = readDepth(text, located, localUs);
      return book.ok ? ok([book.value]) : book;
    }
    case 'trades':
      return readTrades(text, located.symbol, localUs);
  }
}

function readTicker(text: string, symbol: string, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tickerAnswer, text);
  if (!answer.ok) return answer;
  const one = answer.value;
  const fields: { -readonly [K in keyof TickerFields]?: string } = {};
  if (one.bidPrice !== undefined) fields.bidPrice = one.bidPrice;
  if (one.bidQty !== undefined) fields.bidAmount = one.bidQty;
  if (one.askPrice !== undefined) fields.askPrice = one.askPrice;
  if (one.askQty !== undefined) fields.askAmount = one.askQty;
  if ('time' in one) return ok([{ type: 'ticker', symbol, timestampUs: us(one.time), localUs, fields }]);
  const { lastPrice, volume: baseVolume, quoteVolume } = one;
  Object.assign(fields, { lastPrice, baseVolume, quoteVolume });
  return ok([{ type: 'ticker', symbol, timestampUs: us(one.closeTime), localUs, fields }]);
}

const timeAnswer = z.object({ serverTime: msNumber });

/** The markets have servers of their own. */
function clock(located: readonly Located[]): RestCall {
  const spot = located.some((one) => one.market === 'spot');
  return {
    method: spot ? 'publicGetTime' : 'fapiPublicGetTime',
    params: {},
    weight: 1,
    window: spot ? 'spot_weight' : 'usdm_weight',
    market: null,
  };
}

function readClock(text: string): Result<number> {
  const answer = readAnswer(timeAnswer, text);
  return answer.ok ? ok(us(answer.value.serverTime)) : answer;
}

/** Without a word of how long: the weights begin anew each minute; the shortest ban; the firewall counts 5 minutes. */
const LIMIT_MS = 60_000;
const BAN_MS = 120_000;
const FIREWALL_MS = 300_000;

/**
 * 429 and 418 with `Retry-After`, -1003 with the end of a ban in its text, 403 of the firewall; every answer tells the
 * weight that our address has used.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
 */
function judge(answer: RestAnswer): Verdict {
  const { status, code, headers, text } = answer;
  const weight = headers['x-mbx-used-weight-1m'] ?? '';
  const used = /^\d{1,9}$/.test(weight) ? { weight: Number(weight), turnsInMs: untilMinuteMs(answer) } : null;
  if (status === 403) return { limit: limit(403, retryAfterMs(answer), FIREWALL_MS, { ban: true }), used };
  if (status !== 418 && status !== 429 && code !== '-1003') return { ...FREE, used };
  const [, until] = /banned until (\d{13})\b/.exec(text) ?? [];
  const ban = status === 418 || until !== undefined;
  const namedMs = later(retryAfterMs(answer), untilMs(Number(until), answer));
  return { limit: limit(status === 418 ? 418 : 429, namedMs, ban ? BAN_MS : LIMIT_MS, { ban }), used };
}

const KINDS: Readonly<Record<string, 'depth' | 'ticker' | 'trades'>> = {
  depth: 'depth',
  'ticker/24hr': 'ticker',
  'ticker/bookTicker': 'ticker',
  trades: 'trades',
  historicalTrades: 'trades',
  aggTrades: 'trades',
};

function recognise(url: string): RestAnswerKind | null {
  const { path, query } = pathOf(url);
  const market = marketOf(url) ?? 'spot';
  const kind = KINDS[/\/(?:api|fapi)\/v\d\/([a-zA-Z0-9/]+)$/.exec(path)?.[1] ?? ''];
  if (kind !== undefined) return { kind, id: query.get('symbol') ?? '', market };
  if (/\/(api|fapi)\/v\d\/exchangeInfo$/.test(path)) return { kind: 'instruments', market };
  return null;
}

export const rest: VenueRest = {
  ccxt: 'binance',
  bases: (endpoints) => ({
    public: `${endpoints.rest}/api/v3`,
    fapiPublic: `${endpoints.futures_rest}/fapi/v1`,
  }),
  windows: [
    { name: 'spot_weight', limit: 6000, perMs: 60_000 },
    { name: 'usdm_weight', limit: 2400, perMs: 60_000 },
  ],
  methods: [
    'publicGetExchangeInfo',
    'fapiPublicGetExchangeInfo',
    'publicGetDepth',
    'fapiPublicGetDepth',
    'publicGetTicker24hr',
    'publicGetTrades',
    'publicGetHistoricalTrades',
    'publicGetAggTrades',
    'fapiPublicGetTicker24hr',
    'fapiPublicGetTickerBookTicker',
    'fapiPublicGetTrades',
    'fapiPublicGetAggTrades',
    'publicGetTime',
    'fapiPublicGetTime',
  ],
  judge,
  instruments,
  catalogue,
  unlistedCodes: ['-1121'],
  readInstruments,
  clock,
  readClock,
  depth,
  readDepth,
  poll,
  readPoll,
  history,
  recognise,
};
