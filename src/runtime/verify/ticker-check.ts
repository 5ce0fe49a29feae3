/** A ticker's rows: in order of receipt. Nothing in them tells whether one is missing. */

import type { FeedCheck, FeedCheckPort } from './feed-check.ts';
import { isVenueTurned } from './order.ts';
import { type Stamps, tickerOf } from './rows.ts';

export function createTickerCheck({ order, times }: FeedCheckPort): FeedCheck {
  let before: Stamps | null = null;
  return {
    row(cells, spot) {
      const row = tickerOf(cells);
      if (typeof row === 'string') return row;
      if (before !== null && row.localUs < before.localUs)
        order.check(before.localUs, row.localUs, isVenueTurned(before, row), spot.line);
      before = row;
      times.row(row.localUs);
      return row.localUs;
    },
    endPart: () => undefined,
    cut() {
      before = null;
    },
    end: () => undefined,
    ids: () => null,
    book: () => null,
  };
}
