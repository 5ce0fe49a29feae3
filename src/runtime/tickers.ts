/** The ticker rows of a feed by symbol: fields carried from channel to channel, each stream from one connection. */

import type { Ticker, TickerMessage } from '../core/event.ts';
import { carryTicker, EMPTY_TICKER } from '../core/ticker.ts';
import { createTickerLines } from './ticker-lines.ts';

export interface Tickers {
  /** The row that a message of a stream makes; null: it is left out, another connection tells of it. */
  on(connection: string, stream: string, message: TickerMessage): Ticker | null;
  polled(message: TickerMessage): Ticker;
  opened(connection: string): void;
  /** It ended; `heir`: an open connection that has its streams. */
  closed(connection: string, heir: string | null): void;
  /** Some ticker is still taken from it. */
  isOwner(connection: string): boolean;
  /** The symbol is not recorded any more. */
  forget(symbol: string): void;
}

export function createTickers(): Tickers {
  const newest = new Map<string, Ticker>();
  const lines = createTickerLines();
  /** The symbols whose fields came over each connection. */
  const carried = new Map<string, Set<string>>();

  const carry = (message: TickerMessage): Ticker => {
    const ticker = carryTicker(newest.get(message.symbol) ?? EMPTY_TICKER, message);
    newest.set(message.symbol, ticker);
    return ticker;
  };

  return {
    on(connection, stream, message) {
      if (!lines.take(connection, stream, message, newest.get(message.symbol))) return null;
      carried.get(connection)?.add(message.symbol);
      return carry(message);
    },
    polled: carry,
    opened: (connection) => void carried.set(connection, new Set()),
    closed(connection, heir) {
      for (const symbol of carried.get(connection) ?? []) {
        // A quote from before the hole must not stand under a time after it.
        if (heir === null) newest.delete(symbol);
        else carried.get(heir)?.add(symbol);
      }
      carried.delete(connection);
      lines.closed(connection, heir);
    },
    isOwner: lines.isOwner,
    forget(symbol) {
      newest.delete(symbol);
      lines.forget(symbol);
    },
  };
}
