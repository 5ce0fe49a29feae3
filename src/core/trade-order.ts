/** What trade ids tell of their order. */

import type { Trade } from './event.ts';

/**
 * What a venue's trade ids promise. `count`: of one market's file they count up by one a row; `fills`: by one a fill, of
 * which a row can be several (`Trade.firstId`); `grow`: a later trade has the higher; `names`: nothing.
 */
export type TradeIdRule = 'count' | 'fills' | 'grow' | 'names';

/** The lowest id that the row stands for. */
export function lowestId({ id, firstId }: Pick<Trade, 'id' | 'firstId'>): string {
  return firstId ?? id;
}

/** How many fills the row stands for. */
export function fillsOf(trade: Pick<Trade, 'id' | 'firstId'>): number {
  const between = idsBetween(lowestId(trade), trade.id);
  return between === null ? 1 : between + 2;
}

/** Below 0 where `a` is the lower; null where one of them is no whole number. */
export function compareIds(a: string, b: string): number | null {
  if (!isCount(a) || !isCount(b)) return null;
  const [x, y] = a.length < 16 && b.length < 16 ? [Number(a), Number(b)] : [BigInt(a), BigInt(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** How many ids lie between two of them; null where they are no whole numbers. Below 0: `b` is not behind `a`. */
export function idsBetween(a: string, b: string): number | null {
  if (!isCount(a) || !isCount(b)) return null;
  return a.length < 16 && b.length < 16 ? Number(b) - Number(a) - 1 : Number(BigInt(b) - BigInt(a) - 1n);
}

export function nextId(id: string): string {
  return String(BigInt(id) + 1n);
}

const isCount = (id: string): boolean => /^\d{1,40}$/.test(id);
