/**
 * How OKX v5 is called: one URL, channels by subscription, a text ping of our own.
 * https://www.okx.com/docs-v5/en/#overview-websocket
 */

import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, FeedOptions, Located } from '../../core/venue.ts';
import { NO_LIMIT, nameOf, type SplitLimits, type Stream, split } from '../split.ts';

/** The arguments of a request are bounded by 64 KB: one is its name and some 30 characters more. */
const LIMITS: SplitLimits = {
  instruments: 100,
  streams: NO_LIMIT,
  streamsPerRequest: 50,
  chars: 32_000,
  charsPerRequest: 32_000,
};
const HELLO_PACE_MS = 500;
/** Subscribing and unsubscribing, on one connection. */
const REQUESTS = { limit: 480, perMs: 3_600_000 };
/** 3 connections a second from one address. */
const CONNECTS = { limit: 3, perMs: 1_000 };
/** A subscription to a book or a ticker brings a snapshot at once. */
const SOON_MS = 10_000;
/** The venue cuts a connection after 30 s of silence, ours too. */
const PING_MS = 20_000;
const IDLE_MS = 30_000;

function channel(feed: DialPlan['feed'], options: FeedOptions): string {
  switch (feed) {
    case 'ticker':
      return 'tickers';
    case 'orderbook':
      return options.depth <= 5 ? 'books5' : 'books';
    case 'trades':
      return 'trades';
  }
}

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  const name = channel(plan.feed, plan.options);
  const soonMs = plan.feed === 'trades' ? null : SOON_MS;
  const streamsOf = ({ id }: Located): readonly Stream[] => [{ name: `${name}:${id}`, soonMs }];
  return split(plan.instruments, streamsOf, LIMITS, request).map((part, index) => ({
    ...part,
    name: nameOf('public', index),
    url: `${plan.endpoints.ws}/ws/v5/public`,
    market: null,
    paceMs: HELLO_PACE_MS,
    lifeMs: null,
    connects: CONNECTS,
    requests: REQUESTS,
    ping: { everyMs: PING_MS, text: 'ping' },
    idleMs: IDLE_MS,
  }));
}

/** Each stream is acknowledged by its own name. */
export function request(op: 'subscribe' | 'unsubscribe', streams: readonly string[]): string {
  const args = streams.map((stream) => {
    const [channel = '', instId = ''] = stream.split(':');
    return { channel, instId };
  });
  return JSON.stringify({ op, args });
}

export function locate(symbol: string): Located | null {
  const parts = parseSymbol(symbol);
  // A swap quoted in USD is the inverse one, which is no linear perpetual.
  if (!parts || (parts.market === 'linear' && parts.quote === 'USD')) return null;
  const pair = `${parts.base}-${parts.quote}`;
  return { symbol, id: parts.market === 'spot' ? pair : `${pair}-SWAP`, market: parts.market };
}

/** Swaps quoted in USD are inverse: settled in their base. Dated futures and options keep the venue's id. */
export function symbolOf(id: string): string | null {
  const match = /^([A-Z0-9]+)-([A-Z0-9]+)(-SWAP)?$/.exec(id);
  if (!match) return null;
  const [, base, quote, swap] = match;
  if (swap === undefined) return `${base}/${quote}`;
  return `${base}/${quote}:${quote === 'USD' ? base : quote}`;
}
