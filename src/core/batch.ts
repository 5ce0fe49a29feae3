/** Events that cross the thread boundary together: rows already encoded, numbers beside them. */

import type { Feed } from './event.ts';

/** The rows of one symbol within a batch: bytes `[start, end)` of `bytes`, whole rows only. */
export interface BatchPart {
  readonly symbol: string;
  readonly start: number;
  readonly end: number;
  readonly rows: number;
  /** Where the newest row begins: the row of `latest/`. */
  readonly lastRow: number;
  /** The UTC day of receipt whose file these rows belong to: `2026-11-21`. */
  readonly day: string;
  /** A new file begins with these rows (those of a book with a snapshot). */
  readonly begins: boolean;
}

export interface Batch {
  readonly venue: string;
  readonly feed: Feed;
  readonly parts: readonly BatchPart[];
  readonly bytes: Uint8Array;
  /**
   * `events` × `width` numbers in order of arrival; the meaning of each column is in `flow/rows.ts`. The first
   * three are the index into `parts`, the venue's time and ours (µs). NaN where a field is empty.
   */
  readonly columns: Float64Array;
  readonly width: number;
  readonly events: number;
  /** Our receipt time of the first and the last event, µs. */
  readonly firstLocalUs: number;
  readonly lastLocalUs: number;
}
