/** The best levels of a book as a channel of limited depth tells them. */

import type { Level } from '../core/event.ts';
import type { SimWindow } from '../core/sim.ts';
import { levelsOf, type SimOrder, type SimSide, type SimSides } from './book.ts';

export interface Window {
  view(): SimWindow;
  /** Takes over the book as it is at the update with this number; does not count where nothing changed. */
  follow(update: number, sequence: number): void;
  /** Its own count begins anew at 1; what it changed last stays what it was. */
  renumber(): void;
}

/** `zero`: how the venue writes an amount of nothing. */
export function createWindow(sides: SimSides, depth: number, sequence: number, zero: string): Window {
  let bids = sides.bids.orders.slice(0, depth);
  let asks = sides.asks.orders.slice(0, depth);
  // Not from 1: the venues' counters are large.
  let state = { update: 0, index: 1_000, sequence, previous: sequence };
  let changed: { readonly bids: readonly Level[]; readonly asks: readonly Level[] } = { bids: [], asks: [] };

  return {
    view: () => ({
      ...state,
      bids: levelsOf(bids, depth),
      asks: levelsOf(asks, depth),
      changedBids: changed.bids,
      changedAsks: changed.asks,
    }),
    follow(update, now) {
      const next = { bids: sides.bids.orders.slice(0, depth), asks: sides.asks.orders.slice(0, depth) };
      const changes = {
        bids: difference(bids, next.bids, sides.bids, zero),
        asks: difference(asks, next.asks, sides.asks, zero),
      };
      if (changes.bids.length === 0 && changes.asks.length === 0) return;
      changed = changes;
      bids = next.bids;
      asks = next.asks;
      state = { update, index: state.index + 1, sequence: now, previous: state.sequence };
    },
    renumber() {
      state = { ...state, index: 1 };
    },
  };
}

function difference(
  before: readonly SimOrder[],
  after: readonly SimOrder[],
  { sign }: SimSide,
  zero: string,
): readonly Level[] {
  const changes: Level[] = [];
  let [b, a] = [0, 0];
  for (let gone = before[b], come = after[a]; gone || come; gone = before[b], come = after[a]) {
    if (come === undefined || (gone !== undefined && sign * gone.price > sign * come.price)) {
      if (gone !== undefined) changes.push([gone.level[0], zero]);
      b += 1;
    } else if (gone === undefined || gone.price !== come.price) {
      changes.push(come.level);
      a += 1;
    } else {
      if (gone.amount !== come.amount) changes.push(come.level);
      b += 1;
      a += 1;
    }
  }
  return changes;
}
