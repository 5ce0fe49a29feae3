/** Which trades were seen, by symbol: an id is a row once. In bounded memory. */

import type { Trade } from '../core/event.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';

export interface TradeIds {
  /** It is a row, or was one. */
  has(trade: Trade): boolean;
  /** It is a row now. */
  add(trade: Trade): void;
  /** These stand in the file already, oldest first. */
  remember(symbol: string, ids: readonly string[]): void;
  /** The newest of a symbol, in order of receipt. */
  newest(symbol: string): string | null;
  forget(symbol: string): void;
}

export function createTradeIds(): TradeIds {
  const seen = new Map<string, RecentIds>();
  const newest = new Map<string, string>();

  const idsOf = (symbol: string): RecentIds => {
    let ids = seen.get(symbol);
    if (ids === undefined) {
      ids = createRecentIds();
      seen.set(symbol, ids);
    }
    return ids;
  };

  return {
    has: ({ symbol, id }) => idsOf(symbol).has(id),
    add({ symbol, id, alsoIds }) {
      const ids = idsOf(symbol);
      ids.add(id);
      if (alsoIds !== undefined) for (const other of alsoIds) ids.add(other);
      newest.set(symbol, id);
    },
    remember(symbol, known) {
      const ids = idsOf(symbol);
      for (const id of known) ids.add(id);
      const last = known.at(-1);
      if (last !== undefined) newest.set(symbol, last);
    },
    newest: (symbol) => newest.get(symbol) ?? null,
    forget(symbol) {
      seen.delete(symbol);
      newest.delete(symbol);
    },
  };
}
