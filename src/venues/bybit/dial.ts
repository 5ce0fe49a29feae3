/**
 * How Bybit v5 is called: one URL per market, topics by subscription, a ping of our own every 20 s.
 * https://bybit-exchange.github.io/docs/v5/ws/connect
 */

import type { Market } from '../../core/event.ts';
import { parseSymbol, unified } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, FeedOptions, Located } from '../../core/venue.ts';
import { nextDepth, splitId } from '../kit.ts';
import { NO_LIMIT, nameOf, ofMarket, type SplitLimits, type Stream, split } from '../split.ts';

const DEPTHS = [1, 50, 200, 1000];
/** Spot takes at most 10 topics a request; either market 21,000 characters of topics a connection. */
const LIMITS: SplitLimits = {
  instruments: 200,
  streams: NO_LIMIT,
  streamsPerRequest: 10,
  chars: 20_000,
  charsPerRequest: NO_LIMIT,
};
/** 500 connections in 5 minutes from one address. */
const CONNECTS = { limit: 500, perMs: 300_000 };
/** A subscription to a book or a ticker brings a snapshot at once. */
const SOON_MS = 10_000;
const HELLO_PACE_MS = 100;
const PING_MS = 20_000;
/** The answer to our ping comes at once, so three missed ones are a dead connection. */
const IDLE_MS = 60_000;

function topics(plan: Pick<DialPlan, 'feed' | 'options'>, located: Located): readonly string[] {
  switch (plan.feed) {
    case 'ticker':
      return located.market === 'spot'
        ? [`tickers.${located.id}`, `orderbook.1.${located.id}`]
        : [`tickers.${located.id}`];
    case 'orderbook':
      return [bookTopic(located, plan.options)];
    case 'trades':
      return [`publicTrade.${located.id}`];
  }
}

function bookTopic(located: Located, options: FeedOptions): string {
  return `orderbook.${nextDepth(DEPTHS, options.depth)}.${located.id}`;
}

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  const soonMs = plan.feed === 'trades' ? null : SOON_MS;
  const streamsOf = (located: Located): readonly Stream[] =>
    topics(plan, located).map((name) => ({ name, soonMs }));
  return (['spot', 'linear'] as const).flatMap((market) =>
    split(ofMarket(plan, market), streamsOf, LIMITS, request).map((part, index) => ({
      ...part,
      name: nameOf(market, index),
      url: `${plan.endpoints.ws}/v5/public/${market}`,
      market,
      paceMs: HELLO_PACE_MS,
      lifeMs: null,
      connects: CONNECTS,
      requests: null,
      ping: { everyMs: PING_MS, text: '{"op":"ping"}' },
      idleMs: IDLE_MS,
    })),
  );
}

export function request(op: 'subscribe' | 'unsubscribe', args: readonly string[], id: number): string {
  return JSON.stringify({ req_id: String(id), op, args });
}

/** Perpetuals settled in USDC are named by their base: `BTCPERP`. */
export function locate(symbol: string): Located | null {
  const parts = parseSymbol(symbol);
  if (!parts) return null;
  const perp = parts.market === 'linear' && parts.quote === 'USDC';
  return { symbol, id: perp ? `${parts.base}PERP` : `${parts.base}${parts.quote}`, market: parts.market };
}

export function symbolOf(id: string, market: Market): string | null {
  const perp = /^([A-Z0-9]+)PERP$/.exec(id);
  if (market === 'linear' && perp?.[1] !== undefined) return unified(perp[1], 'USDC', 'linear');
  return splitId(id, market);
}

export function marketOf(url: string): Market | null {
  const match = /\/v5\/public\/(spot|linear)$/.exec(new URL(url).pathname);
  return match ? (match[1] as Market) : null;
}
