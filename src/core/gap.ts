/** What is missing in what was recorded, and what became of it: the words of `collector/gaps.jsonl` (DESIGN 6.4). */

import type { Feed, MarketEvent } from './event.ts';
import { seconds } from './time.ts';

/**
 * `sequence`: a number was left out, or a message could not be read; `disconnect`: the connection was down; `stall`: it
 * was up and silent; `drift`: the kept book was wrong; `overflow`: our queue was full; `downtime`: we did not run.
 */
export type GapKind = 'sequence' | 'disconnect' | 'stall' | 'drift' | 'overflow' | 'downtime';

/** A row next to a gap; what it has of these. Times are epoch seconds. */
export interface GapSide {
  readonly seq?: number;
  readonly id?: string;
  /** Of a row that stands for several fills, the first of them; `id` is the last. */
  readonly first_id?: string;
  /** The venue's. */
  readonly ts?: number;
  /** Ours at receipt. */
  readonly local_ts?: number;
}

export type Repaired = 'full' | 'partial' | 'none';

/** How a gap ended. */
export interface GapEnd {
  /** The first row behind it. */
  readonly to: GapSide;
  readonly repaired: Repaired;
  /** In words. */
  readonly how: string;
  /** Trades that are known to be missing; null where that cannot be known. */
  readonly missing: number | null;
  /** Rows that were fetched later. */
  readonly backfilled: number;
}

/** One gap of one symbol. */
export interface Gap {
  readonly id: string;
  readonly venue: string;
  readonly feed: Feed;
  readonly symbol: string;
  readonly kind: GapKind;
  /** In words. */
  readonly reason: string;
  /** The newest row before it. */
  readonly from: GapSide;
}

/** It was found, what lies behind it is known now (`to`) or is not any more, or it has ended. */
export type GapChange =
  | { readonly state: 'open'; readonly gap: Gap; readonly to?: GapSide }
  | { readonly state: 'closed'; readonly gap: Gap; readonly end: GapEnd };

export function sideOf(event: MarketEvent): GapSide {
  const times = { ts: seconds(event.timestampUs), local_ts: seconds(event.localUs) };
  if (event.type === 'trade') {
    const { id, firstId } = event;
    return { id, ...(firstId !== undefined && { first_id: firstId }), ...times };
  }
  return event.type === 'book' && event.sequence !== null ? { seq: event.sequence, ...times } : times;
}
