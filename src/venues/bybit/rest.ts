/**
 * Bybit's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://bybit-exchange.github.io/docs/v5/market/instrument
 */

import { z } from 'zod';
import type { Feed, Market, MarketMessage } from '../../core/event.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { unified } from '../../core/symbol.ts';
import { isPlausibleUs } from '../../core/time.ts';
import type {
  FeedOptions,
  Instrument,
  Located,
  RestAnswer,
  RestAnswerKind,
  RestCall,
  VenueRest,
  Verdict,
} from '../../core/venue.ts';
import { nextDepth, pathOf } from '../kit.ts';
import { FREE, later, limit, retryAfterMs, untilMs } from '../limits.ts';
import {
  decimal,
  instrumentId,
  levels,
  msNumber,
  msText,
  price,
  quoted,
  readAnswer,
  sequence,
  tradeId,
  us,
} from '../schema.ts';
import { history } from './history.ts';

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

const tickersAnswer = z.object({
  retCode: z.literal(0),
  time: msNumber,
  result: z.object({
    list: z.array(
      z.object({
        symbol: instrumentId,
        ...{ bid1Price: quoted, bid1Size: quoted, ask1Price: quoted, ask1Size: quoted },
        ...{ lastPrice: quoted, volume24h: quoted, turnover24h: quoted },
      }),
    ),
  }),
});

const bookAnswer = z.object({
  retCode: z.literal(0),
  result: z.object({
    b: levels,
    a: levels,
    u: sequence,
    ts: msNumber,
    /** When the matching engine made it. */
    cts: msNumber.optional(),
  }),
});

/** Newest first. */
const tradesAnswer = z.object({
  retCode: z.literal(0),
  result: z.object({
    list: z.array(
      z.object({ execId: tradeId, price, size: decimal, side: z.enum(['Buy', 'Sell']), time: msText }),
    ),
  }),
});

function instruments(located: readonly Located[]): readonly RestCall[] {
  // By symbol while that is fewer calls than the whole list (which comes in pages of 1,000).
  return (['spot', 'linear'] as const).flatMap((category) => {
    const ids = located.filter((one) => one.market === category).map((one) => one.id);
    const queries =
      ids.length <= 3 ? ids.map((symbol) => ({ category, symbol })) : [{ category, limit: 1000 }];
    return queries.map(instrumentsCall);
  });
}

function instrumentsCall(params: RestCall['params'] & { readonly category: Market }): RestCall {
  return {
    method: 'publicGetV5MarketInstrumentsInfo',
    params,
    weight: 1,
    window: 'ip',
    market: params.category,
  };
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

const usOfNano = (nano: string): number => Number(nano.slice(0, -3));
const nanoText = z.custom<string>(
  (v) => typeof v === 'string' && /^\d{19}$/.test(v) && isPlausibleUs(usOfNano(v)),
  'expected ns as text',
);
const timeAnswer = z.object({
  retCode: z.literal(0),
  result: z.object({ timeNano: nanoText }),
});

function clock(): RestCall {
  return { method: 'publicGetV5MarketTime', params: {}, weight: 1, window: 'ip', market: null };
}

function readClock(text: string): Result<number> {
  const answer = readAnswer(timeAnswer, text);
  return answer.ok ? ok(usOfNano(answer.value.result.timeNano)) : answer;
}

/** The same depths as its streams have, as far as a page holds; so many trades at most. */
const DEPTHS = { spot: [1, 50, 200], linear: [1, 50, 200, 1000] };
const TRADES = { spot: 60, linear: 1_000 };

function poll(feed: Feed, { id: symbol, market }: Located, { depth }: FeedOptions): readonly RestCall[] {
  const call = (method: string, more: RestCall['params'] = {}): readonly RestCall[] => [
    { method, params: { category: market, symbol, ...more }, weight: 1, window: 'ip', market },
  ];
  switch (feed) {
    case 'ticker':
      return call('publicGetV5MarketTickers');
    case 'orderbook':
      return call('publicGetV5MarketOrderbook', { limit: nextDepth(DEPTHS[market], depth) });
    case 'trades':
      return call('publicGetV5MarketRecentTrade', { limit: TRADES[market] });
  }
}

function readPoll(
  feed: Feed,
  text: string,
  { symbol, market }: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  switch (feed) {
    case 'ticker':
      return readTickers(text, symbol, localUs);
    case 'orderbook': {
      const answer = readAnswer(bookAnswer, text);
      if (!answer.ok) return answer;
      const { b: bids, a: asks, u, ts, cts } = answer.value.result;
      const numbers = { snapshot: true, sequence: u, prevSequence: null };
      return ok([
        { type: 'book', market, symbol, timestampUs: us(cts ?? ts), localUs, ...numbers, bids, asks },
      ]);
    }
    case 'trades':
      return readTrades(text, symbol, localUs);
  }
}

function readTickers(text: string, symbol: string, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tickersAnswer, text);
  if (!answer.ok) return answer;
  const timestampUs = us(answer.value.time);
  return ok(
    answer.value.result.list.map((one) => ({
      type: 'ticker',
      symbol,
      timestampUs,
      localUs,
      fields: {
        askAmount: one.ask1Size,
        askPrice: one.ask1Price,
        bidPrice: one.bid1Price,
        bidAmount: one.bid1Size,
        lastPrice: one.lastPrice,
        baseVolume: one.volume24h,
        quoteVolume: one.turnover24h,
      },
    })),
  );
}

function readTrades(text: string, symbol: string, localUs: number): Result<readonly MarketMessage[]> {
  const answer = readAnswer(tradesAnswer, text);
  if (!answer.ok) return answer;
  return ok(
    answer.value.result.list
      .map((one) => ({
        type: 'trade' as const,
        symbol,
        timestampUs: us(one.time),
        localUs,
        id: one.execId,
        side: one.side === 'Buy' ? ('buy' as const) : ('sell' as const),
        price: one.price,
        amount: one.size,
      }))
      .reverse(),
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

const KINDS: Readonly<Record<string, 'depth' | 'ticker' | 'trades'>> = {
  orderbook: 'depth',
  tickers: 'ticker',
  'recent-trade': 'trades',
};

function recognise(url: string): RestAnswerKind | null {
  const { path, query } = pathOf(url);
  const category = query.get('category');
  const market: Market | null = category === 'spot' || category === 'linear' ? category : null;
  if (path.endsWith('/v5/market/instruments-info')) return { kind: 'instruments', market };
  const kind = KINDS[/\/v5\/market\/([a-z-]+)$/.exec(path)?.[1] ?? ''];
  return kind === undefined || market === null ? null : { kind, id: query.get('symbol') ?? '', market };
}

export const rest: VenueRest = {
  ccxt: 'bybit',
  bases: (endpoints) => ({ public: `${endpoints.rest}` }),
  windows: [{ name: 'ip', limit: 600, perMs: 5_000 }],
  methods: [
    'publicGetV5MarketInstrumentsInfo',
    'publicGetV5MarketTickers',
    'publicGetV5MarketOrderbook',
    'publicGetV5MarketRecentTrade',
    'publicGetV5MarketTime',
  ],
  judge,
  instruments,
  catalogue: () => [
    instrumentsCall({ category: 'spot' }),
    instrumentsCall({ category: 'linear', limit: 1000 }),
  ],
  unlistedCodes: ['10001'],
  readInstruments,
  clock,
  readClock,
  depth: () => null,
  readDepth: () => err(failure('not_used', 'Bybit pushes its book snapshots', 'never')),
  poll,
  readPoll,
  history,
  recognise,
};
