/**
 * How OKX v5 is called: one URL, channels by subscription, a text ping of our own.
 * https://www.okx.com/docs-v5/en/#overview-websocket
 */

import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, FeedOptions, Located } from '../../core/venue.ts';
import { chunks } from '../kit.ts';

const INSTRUMENTS_PER_CONNECTION = 100;
const ARGS_PER_HELLO = 50;
/** 480 subscribe and unsubscribe requests an hour are allowed on one connection. */
const HELLO_PACE_MS = 500;
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
  return chunks(plan.instruments, INSTRUMENTS_PER_CONNECTION).map((part, index) => ({
    name: index === 0 ? 'public' : `public-${index + 1}`,
    url: `${plan.endpoints.ws}/ws/v5/public`,
    market: null,
    instruments: part,
    hellos: chunks(part, ARGS_PER_HELLO).map((some) =>
      JSON.stringify({
        op: 'subscribe',
        args: some.map((located) => ({ channel: name, instId: located.id })),
      }),
    ),
    paceMs: HELLO_PACE_MS,
    ping: { everyMs: PING_MS, text: 'ping' },
    idleMs: IDLE_MS,
  }));
}

/** `books` pushes a snapshot after each subscription. */
export function resubscribe(located: Located, options: FeedOptions): readonly string[] {
  const args = [{ channel: channel('orderbook', options), instId: located.id }];
  return [JSON.stringify({ op: 'unsubscribe', args }), JSON.stringify({ op: 'subscribe', args })];
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
