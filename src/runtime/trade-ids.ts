/** Which trades were seen, by symbol: an id is a row once. In bounded memory. */

import type { Trade } from '../core/event.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import { seconds } from '../core/time.ts';

/** One end of a hole. `ts`: the venue's time, epoch seconds; null where only the id is known. */
export interface TradeEnd {
  readonly id: string;
  readonly ts: number | null;
}

/** Trades between these two, both of which are rows, were not seen. */
export interface TradeGap {
  readonly symbol: string;
  readonly from: TradeEnd;
  readonly to: TradeEnd;
}

export interface TradeIds {
  /** True when it is no row yet; remembers it. */
  add(trade: Trade): boolean;
  /** These stand in the file already, oldest first. */
  remember(symbol: string, ids: readonly string[]): void;
  /** The newest of a symbol, in order of receipt. */
  newest(symbol: string): TradeEnd | null;
}

export function createTradeIds(): TradeIds {
  const seen = new Map<string, RecentIds>();
  const newest = new Map<string, TradeEnd>();

  const idsOf = (symbol: string): RecentIds => {
    let ids = seen.get(symbol);
    if (ids === undefined) {
      ids = createRecentIds();
      seen.set(symbol, ids);
    }
    return ids;
  };

  return {
    add({ symbol, id, alsoIds, timestampUs }) {
      const ids = idsOf(symbol);
      if (!ids.add(id)) return false;
      if (alsoIds !== undefined) for (const other of alsoIds) ids.add(other);
      newest.set(symbol, { id, ts: seconds(timestampUs) });
      return true;
    },
    remember(symbol, known) {
      const ids = idsOf(symbol);
      for (const id of known) ids.add(id);
      const last = known.at(-1);
      if (last !== undefined) newest.set(symbol, { id: last, ts: null });
    },
    newest: (symbol) => newest.get(symbol) ?? null,
  };
}

/** Whether nothing can lie between two ids: where ids count up by one. */
export function isNext(before: string, after: string): boolean {
  return isCount(before) && isCount(after) && BigInt(after) === BigInt(before) + 1n;
}

const isCount = (id: string): boolean => /^\d{1,40}$/.test(id);
