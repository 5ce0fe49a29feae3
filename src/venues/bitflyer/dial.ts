/**
 * How bitFlyer is called: one URL, one JSON-RPC request per channel, with an id so that a refusal is seen.
 * https://lightning.bitflyer.com/docs?lang=en#realtime-api
 */

import type { Feed } from '../../core/event.ts';
import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, Located } from '../../core/venue.ts';
import { NO_LIMIT, nameOf, type SplitLimits, type Stream, split } from '../split.ts';

/** The venue names no limit: one channel a request is its way, the rest is ours. */
const LIMITS: SplitLimits = {
  instruments: 50,
  streams: NO_LIMIT,
  streamsPerRequest: 1,
  chars: NO_LIMIT,
  charsPerRequest: NO_LIMIT,
};
const HELLO_PACE_MS = 20;
/** A board snapshot comes about every 5 s (measured); quiet products trade far less often. */
const IDLE_MS: Readonly<Record<Feed, number>> = { ticker: 120_000, orderbook: 30_000, trades: 600_000 };

const CHANNELS: Readonly<Record<Feed, readonly Stream[]>> = {
  ticker: [{ name: 'lightning_ticker_', soonMs: null }],
  // Deltas first, so that none is missed between the snapshot and them.
  orderbook: [
    { name: 'lightning_board_', soonMs: null },
    { name: 'lightning_board_snapshot_', soonMs: 60_000 },
  ],
  trades: [{ name: 'lightning_executions_', soonMs: null }],
};

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  const streamsOf = ({ id }: Located): readonly Stream[] =>
    CHANNELS[plan.feed].map(({ name, soonMs }) => ({ name: `${name}${id}`, soonMs }));
  return split(plan.instruments, streamsOf, LIMITS, request).map((part, index) => ({
    ...part,
    name: nameOf('realtime', index),
    url: `${plan.endpoints.ws}/json-rpc`,
    market: null,
    paceMs: HELLO_PACE_MS,
    lifeMs: null,
    connects: null,
    requests: null,
    ping: null,
    idleMs: IDLE_MS[plan.feed],
  }));
}

/** One channel a request. */
export function request(op: 'subscribe' | 'unsubscribe', [channel]: readonly string[], id: number): string {
  return JSON.stringify({ jsonrpc: '2.0', method: op, params: { channel }, id });
}

/** `BTC_JPY`; the perpetual `BTC/JPY:JPY` (Crypto CFD) is `FX_BTC_JPY`, the only one there is. */
export function locate(symbol: string): Located | null {
  const parts = parseSymbol(symbol);
  if (!parts) return null;
  const id = `${parts.base}_${parts.quote}`;
  if (parts.market === 'spot') return { symbol, id, market: 'spot' };
  return id === 'BTC_JPY' ? { symbol, id: 'FX_BTC_JPY', market: 'linear' } : null;
}

/** Dated futures (`BTCJPY24DEC2021`) keep the venue's id. */
export function symbolOf(id: string): string | null {
  const match = /^(FX_)?([A-Z0-9]+)_([A-Z0-9]+)$/.exec(id);
  if (!match) return null;
  return match[1] === undefined ? `${match[2]}/${match[3]}` : `${match[2]}/${match[3]}:${match[3]}`;
}
