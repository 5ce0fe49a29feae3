/**
 * How Binance is called. USD-M streams are split by path since 2026: depth, bookTicker and trade on `/public`,
 * aggTrade and ticker on `/market`; the wrong path is silent, not refused.
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/Important-WebSocket-Change-Notice
 */

import type { Feed, Market } from '../../core/event.ts';
import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, Located, TradeStream } from '../../core/venue.ts';
import { chunks } from '../kit.ts';

/** Below the venue's 1,024 streams a connection, so that one lost connection is not everything. */
const STREAMS_PER_CONNECTION = 200;
const STREAMS_PER_HELLO = 50;
/** The venue takes 5 messages a second, pongs included. */
const HELLO_PACE_MS = 400;
/** The venue pings every 20 s (spot) or 3 min (USD-M); a connection silent for longer than both is dead. */
const IDLE_MS = { spot: 60_000, linear: 240_000 };

interface Route {
  readonly name: string;
  readonly market: Market;
  readonly endpoint: string;
  readonly path: string;
  readonly streams: readonly string[];
}

function routes(feed: Feed, stream: TradeStream | null): readonly Route[] {
  const spot = (streams: readonly string[]): Route => ({
    name: 'spot',
    market: 'spot',
    endpoint: 'ws',
    path: '/stream',
    streams,
  });
  const usdm = (name: 'public' | 'market', streams: readonly string[]): Route => ({
    name: `usdm-${name}`,
    market: 'linear',
    endpoint: 'futures_ws',
    path: `/${name}/stream`,
    streams,
  });
  switch (feed) {
    case 'ticker':
      return [spot(['bookTicker', 'ticker']), usdm('public', ['bookTicker']), usdm('market', ['ticker'])];
    case 'orderbook':
      return [spot(['depth@100ms']), usdm('public', ['depth@100ms'])];
    case 'trades':
      return [
        spot([stream ?? 'trade']),
        (stream ?? 'aggTrade') === 'trade' ? usdm('public', ['trade']) : usdm('market', ['aggTrade']),
      ];
  }
}

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  return routes(plan.feed, plan.options.stream).flatMap((route) => connections(route, plan));
}

function connections(route: Route, plan: DialPlan): readonly ConnectionPlan[] {
  const instruments = plan.instruments.filter((located) => located.market === route.market);
  const perConnection = Math.floor(STREAMS_PER_CONNECTION / route.streams.length);
  return chunks(instruments, perConnection).map((part, index) => ({
    name: index === 0 ? route.name : `${route.name}-${index + 1}`,
    url: `${plan.endpoints[route.endpoint]}${route.path}`,
    market: route.market,
    instruments: part,
    hellos: chunks(
      part.flatMap((located) => route.streams.map((stream) => `${located.id.toLowerCase()}@${stream}`)),
      STREAMS_PER_HELLO,
    ).map((params, id) => JSON.stringify({ method: 'SUBSCRIBE', params, id: id + 1 })),
    paceMs: HELLO_PACE_MS,
    ping: null,
    idleMs: IDLE_MS[route.market],
  }));
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
