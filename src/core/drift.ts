/**
 * bitFlyer numbers nothing, but pushes a snapshot of 300 levels a side about every 5 s (measured). The kept book is
 * held against each, within the prices that both can know: no further from the best than the worst level of that
 * snapshot, nor than the worst level of the one that the book began with. Levels that changed within a second of it
 * are left out, since the two channels are not in step. So held, the recorded books differ in nothing.
 */

import { type Book, levelsOf } from './book.ts';
import type { BookMessage, Level } from './event.ts';

const WINDOW_US = 1_000_000;
/** Above this share of differing levels a comparison fails; two failures running replace the book. */
const THRESHOLD = 0.02;

export interface DriftVerdict {
  readonly symbol: string;
  readonly compared: number;
  readonly differing: number;
  readonly replace: boolean;
}

export interface DriftCheck {
  /** A delta was applied. */
  touch(delta: BookMessage): void;
  /** A snapshot was pushed; it is judged once a second has gone by. */
  observe(snapshot: BookMessage): void;
  /** The verdict on the waiting snapshot when it is due at `localUs`, else null. */
  settle(book: Book, localUs: number): DriftVerdict | null;
  /** The book was replaced by this snapshot. */
  reset(snapshot: BookMessage): void;
}

export function createDriftCheck(): DriftCheck {
  /** When each price last changed, both sides together: a price is never on both within a second. */
  let changed = new Map<number, number>();
  let waiting: BookMessage | null = null;
  let failures = 0;
  let known = { bids: Number.POSITIVE_INFINITY, asks: Number.POSITIVE_INFINITY };

  return {
    touch(delta) {
      for (const level of delta.bids) changed.set(Number(level[0]), delta.localUs);
      for (const level of delta.asks) changed.set(Number(level[0]), delta.localUs);
    },
    observe(snapshot) {
      // Both ways: what changed before our clock was set back is not of the last second for ever.
      const isLately = (us: number): boolean => Math.abs(snapshot.localUs - us) <= WINDOW_US;
      changed = new Map([...changed].filter(([, us]) => isLately(us)));
      waiting = snapshot;
    },
    settle(book, localUs) {
      if (waiting === null || localUs < waiting.localUs + WINDOW_US) return null;
      const snapshot = waiting;
      waiting = null;
      const bids = compare(levelsOf(book.bids), snapshot.bids, 1, known.bids, changed);
      const asks = compare(levelsOf(book.asks), snapshot.asks, -1, known.asks, changed);
      const compared = bids.compared + asks.compared;
      const differing = bids.differing + asks.differing;
      failures = compared > 0 && differing / compared > THRESHOLD ? failures + 1 : 0;
      return { symbol: snapshot.symbol, compared, differing, replace: failures >= 2 };
    },
    reset(snapshot) {
      known = { bids: worstOf(snapshot.bids, 1), asks: worstOf(snapshot.asks, -1) };
      changed = new Map();
      waiting = null;
      failures = 0;
    },
  };
}

/** The smallest `sign` × price; of an empty side Infinity: nothing is known there. */
function worstOf(side: readonly Level[], sign: 1 | -1): number {
  let worst = Number.POSITIVE_INFINITY;
  for (const level of side) worst = Math.min(worst, sign * Number(level[0]));
  return worst;
}

function compare(
  kept: readonly Level[],
  snapshot: readonly Level[],
  sign: 1 | -1,
  known: number,
  changed: ReadonlyMap<number, number>,
): { readonly compared: number; readonly differing: number } {
  const worst = Math.max(known, worstOf(snapshot, sign));
  const theirs = new Map<number, number>();
  for (const level of snapshot) {
    const price = Number(level[0]);
    if (sign * price >= worst) theirs.set(price, Number(level[1]));
  }
  let compared = 0;
  let differing = 0;
  for (const level of kept) {
    const price = Number(level[0]);
    if (sign * price < worst) continue;
    const amount = theirs.get(price);
    theirs.delete(price);
    if (changed.has(price)) continue;
    compared += 1;
    if (amount !== Number(level[1])) differing += 1;
  }
  for (const [price, amount] of theirs) {
    if (changed.has(price) || amount === 0) continue;
    compared += 1;
    differing += 1;
  }
  return { compared, differing };
}
