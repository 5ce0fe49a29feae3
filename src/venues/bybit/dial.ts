/**
 * How Bybit v5 is called: one URL per market, topics by subscription, a ping of our own every 20 s.
 * https://bybit-exchange.github.io/docs/v5/ws/connect
 */

import type { Market } from '../../core/event.ts';
import { parseSymbol, unified } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, FeedOptions, Located } from '../../core/venue.ts';
import { chunks, nextDepth, splitId } from '../kit.ts';

const DEPTHS = [1, 50, 200, 1000];
/** Spot takes at most 10 topics a request; linear at most 21,000 characters a connection. */
const TOPICS_PER_HELLO = 10;
const INSTRUMENTS_PER_CONNECTION = 200;
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
  return (['spot', 'linear'] as const).flatMap((market) =>
    chunks(
      plan.instruments.filter((located) => located.market === market),
      INSTRUMENTS_PER_CONNECTION,
    ).map((part, index) => ({
      name: index === 0 ? market : `${market}-${index + 1}`,
      url: `${plan.endpoints.ws}/v5/public/${market}`,
      market,
      instruments: part,
      hellos: chunks(
        part.flatMap((located) => topics(plan, located)),
        TOPICS_PER_HELLO,
      ).map((args, id) => JSON.stringify({ req_id: String(id + 1), op: 'subscribe', args })),
      paceMs: HELLO_PACE_MS,
      ping: { everyMs: PING_MS, text: '{"op":"ping"}' },
      idleMs: IDLE_MS,
    })),
  );
}

/** Bybit pushes a snapshot after each subscription. */
export function resubscribe(located: Located, options: FeedOptions): readonly string[] {
  const args = [bookTopic(located, options)];
  return [JSON.stringify({ op: 'unsubscribe', args }), JSON.stringify({ op: 'subscribe', args })];
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
