/**
 * OKX's REST answers that a recorder needs; books begin with a pushed snapshot.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 */

import { z } from 'zod';
import type { Feed, Market, MarketMessage } from '../../core/event.ts';
import { err, failure, ok, type Result } from '../../core/result.ts';
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
import { pathOf } from '../kit.ts';
import { FREE, limit, retryAfterMs } from '../limits.ts';
import { instrumentId, msText, readAnswer, us } from '../schema.ts';
import { symbolOf } from './dial.ts';
import { history } from './history.ts';
import { bookOf, tickerOf, tradeOf } from './map.ts';
import { answers } from './wire.ts';

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

const MARKETS = [
  ['spot', 'SPOT'],
  ['linear', 'SWAP'],
] as const;

function instruments(located: readonly Located[]): readonly RestCall[] {
  return MARKETS.flatMap(([market, instType]) => {
    const ids = located.filter((one) => one.market === market).map((one) => one.id);
    const queries = ids.length <= 3 ? ids.map((instId) => ({ instType, instId })) : [{ instType }];
    return queries.map((params) => instrumentsCall(market, params));
  });
}

function instrumentsCall(market: Market, params: RestCall['params']): RestCall {
  return { method: 'publicGetPublicInstruments', params, weight: 1, window: 'instruments', market };
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

const timeAnswer = z.object({ code: z.literal('0'), data: z.tuple([z.object({ ts: msText })]) });

function clock(): RestCall {
  return { method: 'publicGetPublicTime', params: {}, weight: 1, window: 'time', market: null };
}

function readClock(text: string): Result<number> {
  const answer = readAnswer(timeAnswer, text);
  return answer.ok ? ok(us(answer.value.data[0].ts)) : answer;
}

/** Most that one answer holds. */
const LEVELS = 400;
const TRADES = 500;

function poll(feed: Feed, { id: instId, market }: Located, { depth }: FeedOptions): readonly RestCall[] {
  const call = (method: string, window: string, more: RestCall['params'] = {}): readonly RestCall[] => [
    { method, params: { instId, ...more }, weight: 1, window, market },
  ];
  switch (feed) {
    case 'ticker':
      return call('publicGetMarketTicker', 'ticker');
    case 'orderbook':
      return call('publicGetMarketBooks', 'books', { sz: depth <= 5 ? 5 : LEVELS });
    case 'trades':
      return call('publicGetMarketTrades', 'trades', { limit: TRADES });
  }
}

/** Answers hold the newest trade first. */
function readPoll(
  feed: Feed,
  text: string,
  { symbol, market }: Located,
  localUs: number,
): Result<readonly MarketMessage[]> {
  switch (feed) {
    case 'ticker': {
      const answer = readAnswer(answers.ticker, text);
      return answer.ok ? ok(answer.value.data.map((one) => tickerOf(one, symbol, localUs))) : answer;
    }
    case 'orderbook': {
      const answer = readAnswer(answers.orderbook, text);
      if (!answer.ok) return answer;
      return ok(answer.value.data.map((one) => bookOf(one, { symbol, market, snapshot: true }, localUs)));
    }
    case 'trades': {
      const answer = readAnswer(answers.trades, text);
      if (!answer.ok) return answer;
      return ok(answer.value.data.map((one) => tradeOf(one, symbol, localUs)).reverse());
    }
  }
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

const KINDS: Readonly<Record<string, 'depth' | 'ticker' | 'trades'>> = {
  books: 'depth',
  ticker: 'ticker',
  trades: 'trades',
  'history-trades': 'trades',
};

function recognise(url: string): RestAnswerKind | null {
  const { path, query } = pathOf(url);
  if (path.endsWith('/api/v5/public/instruments')) return { kind: 'instruments', market: null };
  const kind = KINDS[/\/api\/v5\/market\/([a-z-]+)$/.exec(path)?.[1] ?? ''];
  const id = query.get('instId') ?? '';
  return kind === undefined ? null : { kind, id, market: id.endsWith('-SWAP') ? 'linear' : 'spot' };
}

export const rest: VenueRest = {
  ccxt: 'okx',
  bases: (endpoints) => ({ rest: `${endpoints.rest}` }),
  windows: [
    { name: 'instruments', limit: 20, perMs: 2_000 },
    { name: 'ticker', limit: 20, perMs: 2_000 },
    { name: 'books', limit: 40, perMs: 2_000 },
    { name: 'trades', limit: 100, perMs: 2_000 },
    { name: 'history', limit: 20, perMs: 2_000 },
    { name: 'time', limit: 10, perMs: 2_000 },
  ],
  methods: [
    'publicGetPublicInstruments',
    'publicGetMarketTicker',
    'publicGetMarketBooks',
    'publicGetMarketTrades',
    'publicGetMarketHistoryTrades',
    'publicGetPublicTime',
  ],
  judge,
  instruments,
  catalogue: () => MARKETS.map(([market, instType]) => instrumentsCall(market, { instType })),
  unlistedCodes: ['51001'],
  readInstruments,
  clock,
  readClock,
  depth: () => null,
  readDepth: () => err(failure('not_used', 'OKX pushes its book snapshots', 'never')),
  poll,
  readPoll,
  history,
  recognise,
};
