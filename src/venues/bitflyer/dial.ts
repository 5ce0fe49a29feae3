/**
 * How bitFlyer is called: one URL, one JSON-RPC request per channel, with an id so that a refusal is seen.
 * https://lightning.bitflyer.com/docs?lang=en#realtime-api
 */

import type { Feed } from '../../core/event.ts';
import { parseSymbol } from '../../core/symbol.ts';
import type { ConnectionPlan, DialPlan, Located } from '../../core/venue.ts';
import { chunks } from '../kit.ts';

const PRODUCTS_PER_CONNECTION = 50;
const HELLO_PACE_MS = 20;
/** A board snapshot comes about every 5 s (measured); quiet products trade far less often. */
const IDLE_MS: Readonly<Record<Feed, number>> = { ticker: 120_000, orderbook: 30_000, trades: 600_000 };

const CHANNELS: Readonly<Record<Feed, readonly string[]>> = {
  ticker: ['lightning_ticker_'],
  // Deltas first, so that none is missed between the snapshot and them.
  orderbook: ['lightning_board_', 'lightning_board_snapshot_'],
  trades: ['lightning_executions_'],
};

export function dial(plan: DialPlan): readonly ConnectionPlan[] {
  return chunks(plan.instruments, PRODUCTS_PER_CONNECTION).map((part, index) => ({
    name: index === 0 ? 'realtime' : `realtime-${index + 1}`,
    url: `${plan.endpoints.ws}/json-rpc`,
    market: null,
    instruments: part,
    hellos: part
      .flatMap((located) => CHANNELS[plan.feed].map((channel) => `${channel}${located.id}`))
      .map((channel, id) =>
        JSON.stringify({ jsonrpc: '2.0', method: 'subscribe', params: { channel }, id: id + 1 }),
      ),
    paceMs: HELLO_PACE_MS,
    ping: null,
    idleMs: IDLE_MS[plan.feed],
  }));
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
