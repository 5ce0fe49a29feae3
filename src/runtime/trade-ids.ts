/** Which trades were seen, by symbol: an id is a row once. In bounded memory. */

import type { Trade } from '../core/event.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import { compareIds } from '../core/trade-order.ts';

export interface TradeIds {
  /** It is a row, or was one. */
  has(trade: Trade): boolean;
  /** It is a row now. */
  add(trade: Trade): void;
  /** A venue that tells several fills as one row: it may be one of those in the file, which names the last alone. */
  isOld(trade: Trade): boolean;
  /** These stand in the file already. */
  remember(symbol: string, ids: readonly string[]): void;
  /** The newest of a symbol, in order of receipt. */
  newest(symbol: string): string | null;
  forget(symbol: string): void;
}

/** `inFills`: a row can stand for several fills. */
export function createTradeIds(inFills: boolean): TradeIds {
  const seen = new Map<string, RecentIds>();
  const newest = new Map<string, string>();
  /** The highest id of the file, where rows are of fills. */
  const floors = new Map<string, string>();

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
    isOld: ({ symbol, id }) => (compareIds(id, floors.get(symbol) ?? '') ?? 1) <= 0,
    add({ symbol, id, alsoIds }) {
      const ids = idsOf(symbol);
      ids.add(id);
      if (alsoIds !== undefined) for (const other of alsoIds) ids.add(other);
      newest.set(symbol, id);
    },
    remember(symbol, known) {
      const ids = idsOf(symbol);
      for (const id of known) ids.add(id);
      const highest = known.reduce((most, id) => ((compareIds(id, most) ?? 1) > 0 ? id : most), '');
      if (highest !== '') newest.set(symbol, highest);
      if (inFills && highest !== '') floors.set(symbol, highest);
    },
    newest: (symbol) => newest.get(symbol) ?? null,
    forget(symbol) {
      seen.delete(symbol);
      newest.delete(symbol);
      floors.delete(symbol);
    },
  };
}
