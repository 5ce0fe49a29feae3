/** Which trades were seen, by symbol: an id is a row once. In bounded memory. */

import type { Trade } from '../core/event.ts';
import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import { compareIds } from '../core/trade-order.ts';

/**
 * How many ids are remembered: shared by all symbols, and of one at most and at least. A page is of the newest 1,000
 * trades as a rule: after any of them at most 1,000 older ones were fetched and 1,000 newer ones came.
 */
const IDS = { all: 200_000, most: 20_000, least: 2_000 };

export interface TradeIds {
  /** It is a row, or was one. */
  has(trade: Pick<Trade, 'symbol' | 'id'>): boolean;
  /** It is a row now. */
  add(trade: Pick<Trade, 'symbol' | 'id' | 'firstId'>): void;
  /** A venue that tells several fills as one row: it may be one of those in the file, which names the last alone. */
  isOld(trade: Trade): boolean;
  /** These stand in the file already. */
  remember(symbol: string, ids: readonly string[]): void;
  /** An answer had so many trades: the next one can have them again. */
  paged(symbol: string, trades: number): void;
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
  /** The most trades of an answer, where that is more than a page has as a rule. */
  const pages = new Map<string, number>();

  const limitOf = (symbol: string): number => {
    const share = Math.floor(IDS.all / Math.max(1, seen.size));
    return Math.max(IDS.least, Math.min(IDS.most, share), 2 * (pages.get(symbol) ?? 0));
  };

  const share = (): void => {
    for (const [symbol, ids] of seen) ids.keep(limitOf(symbol));
  };

  const idsOf = (symbol: string): RecentIds => {
    const known = seen.get(symbol);
    if (known !== undefined) return known;
    const ids = createRecentIds();
    seen.set(symbol, ids);
    share();
    return ids;
  };

  return {
    has: ({ symbol, id }) => idsOf(symbol).has(id),
    isOld: ({ symbol, id }) => (compareIds(id, floors.get(symbol) ?? '') ?? 1) <= 0,
    add({ symbol, id, firstId }) {
      idsOf(symbol).add(id, firstId);
      newest.set(symbol, id);
    },
    remember(symbol, known) {
      const ids = idsOf(symbol);
      for (const id of known) ids.add(id);
      const highest = known.reduce((most, id) => ((compareIds(id, most) ?? 1) > 0 ? id : most), '');
      if (highest !== '') newest.set(symbol, highest);
      if (inFills && highest !== '') floors.set(symbol, highest);
    },
    paged(symbol, trades) {
      if (2 * trades <= IDS.least || trades <= (pages.get(symbol) ?? 0)) return;
      pages.set(symbol, trades);
      idsOf(symbol).keep(limitOf(symbol));
    },
    newest: (symbol) => newest.get(symbol) ?? null,
    forget(symbol) {
      for (const one of [seen, newest, floors, pages]) one.delete(symbol);
      share();
    },
  };
}
