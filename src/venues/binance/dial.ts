/**
 * How Binance is called. USD-M streams are split by path since 2026: depth, bookTicker and trade on `/public`,
 * aggTrade and ticker on `/market`; the wrong path is silent, not refused.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
 */

import type { Feed, Market } from '../../core/event.ts';
import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, Located, TradeStream } from '../../core/venue.ts';
import { NO_LIMIT, nameOf, ofMarket, type SplitLimits, type Stream, split } from '../split.ts';

/** Below the venue's 1,024 streams a connection, so that one lost connection is not everything. */
const LIMITS: SplitLimits = {
  instruments: NO_LIMIT,
  streams: 200,
  streamsPerRequest: 50,
  chars: NO_LIMIT,
  charsPerRequest: NO_LIMIT,
};
/** The venue takes 5 messages a second on spot, 10 on USD-M, pongs included. */
const HELLO_PACE_MS = 400;
/**
 * https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
const LIFE_MS = 24 * 3600 * 1000;
const CONNECTS = { limit: 300, perMs: 300_000 };
/** The venue pings every 20 s (spot) or 3 min (USD-M); a connection silent for longer than both is dead. */
const IDLE_MS = { spot: 60_000, linear: 240_000 };

interface Route {
  readonly name: string;
  readonly market: Market;
  readonly endpoint: string;
  readonly path: string;
  readonly streams: readonly Stream[];
}

/** Told every second: the figures of 24 hours change with time alone. The others are told when something changes. */
const TICKER: Stream = { name: 'ticker', soonMs: 60_000 };
const quiet = (name: string): Stream => ({ name, soonMs: null });

function routes(feed: Feed, stream: TradeStream | null): readonly Route[] {
  const spot = (streams: readonly Stream[]): Route => ({
    name: 'spot',
    market: 'spot',
    endpoint: 'ws',
    path: '/stream',
    streams,
  });
  const usdm = (name: 'public' | 'market', streams: readonly Stream[]): Route => ({
    name: `usdm-${name}`,
    market: 'linear',
    endpoint: 'futures_ws',
    path: `/${name}/stream`,
    streams,
  });
  switch (feed) {
    case 'ticker':
      return [
        spot([quiet('bookTicker'), TICKER]),
        usdm('public', [quiet('bookTicker')]),
        usdm('market', [TICKER]),
      ];
    case 'orderbook':
      return [spot([quiet('depth@100ms')]), usdm('public', [quiet('depth@100ms')])];
    case 'trades':
      return [
        spot([quiet(stream ?? 'trade')]),
        (stream ?? 'aggTrade') === 'trade'
          ? usdm('public', [quiet('trade')])
          : usdm('market', [quiet('aggTrade')]),
      ];
  }
}

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  return routes(plan.feed, plan.options.stream).flatMap((route) => connections(route, plan));
}

function connections(route: Route, plan: DialPlan): readonly ConnectionPlan[] {
  const streamsOf = ({ id }: Located): readonly Stream[] =>
    route.streams.map(({ name, soonMs }) => ({ name: `${id.toLowerCase()}@${name}`, soonMs }));
  return split(ofMarket(plan, route.market), streamsOf, LIMITS, request).map((part, index) => ({
    ...part,
    name: nameOf(route.name, index),
    url: `${plan.endpoints[route.endpoint]}${route.path}`,
    market: route.market,
    paceMs: HELLO_PACE_MS,
    lifeMs: LIFE_MS,
    connects: CONNECTS,
    requests: null,
    ping: null,
    idleMs: IDLE_MS[route.market],
  }));
}

export function request(op: 'subscribe' | 'unsubscribe', params: readonly string[], id: number): string {
  return JSON.stringify({ method: op.toUpperCase(), params, id });
}

/** Spot is `BTCUSDT`, the linear perpetual `BTCUSDT` too: the market tells them apart. */
export function locate(symbol: string): Located | null {
  const parts = parseSymbol(symbol);
  return parts && { symbol, id: `${parts.base}${parts.quote}`, market: parts.market };
}

export function marketOf(url: string): Market | null {
  const { hostname, pathname } = new URL(url);
  if (hostname.startsWith('fstream.') || hostname.startsWith('fapi.') || pathname.includes('/fapi/'))
    return 'linear';
  return /\/(public|market)\/(ws|stream)/.test(pathname) ? 'linear' : 'spot';
}
