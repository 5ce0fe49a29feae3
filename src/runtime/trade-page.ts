/** A page of past trades against the hole that it is to fill. */

import type { Trade } from '../core/event.ts';
import { type GapSide, sideOf } from '../core/gap.ts';
import { compareIds, fillsOf, lowestId } from '../core/trade-order.ts';

/** The ids on both sides of a hole; null: nothing is known to lie behind it. */
export interface HoleEnds {
  readonly after: string;
  readonly before: string | null;
}

/** What one page held of a hole. */
export interface Page {
  /** Ids of the hole that it holds. */
  readonly inside: number;
  /** Trades that became rows, and those that the full queue refused. */
  readonly rows: number;
  readonly refused: number;
  /** The first and the last of all its trades; null for an empty page. */
  readonly oldest: GapSide | null;
  readonly newest: GapSide | null;
  readonly size: number;
  /** It holds the trade before the hole, or an older one. */
  readonly reaches: boolean;
  /** It holds the row behind the hole, or a newer one: nothing between can be too new for it. */
  readonly meets: boolean;
}

/** Trades between the two ends, oldest first as in the page. Where ids are no numbers, by their place in it. */
export function insideOf(page: readonly Trade[], { after, before }: HoleEnds): readonly Trade[] {
  const begin = page.findLastIndex(({ id }) => id === after) + 1;
  const at =
    before === null ? -1 : page.findIndex((trade) => lowestId(trade) === before || trade.id === before);
  return page
    .slice(begin, at === -1 ? undefined : at)
    .filter(
      ({ id }) => (compareIds(id, after) ?? 1) > 0 && (before === null || (compareIds(id, before) ?? -1) < 0),
    );
}

export function pageOf(
  page: readonly Trade[],
  inside: readonly Trade[],
  { after, before }: HoleEnds,
  { rows, refused }: Pick<Page, 'rows' | 'refused'>,
): Page {
  const [oldest, newest] = [page[0], page.at(-1)];
  return {
    inside: inside.reduce((sum, trade) => sum + fillsOf(trade), 0),
    rows,
    refused,
    oldest: oldest === undefined ? null : sideOf(oldest),
    newest: newest === undefined ? null : sideOf(newest),
    size: page.length,
    reaches: page.some(({ id }) => id === after || (compareIds(id, after) ?? 1) < 0),
    meets: before === null || page.some((trade) => trade.id === before || lowestId(trade) === before),
  };
}
