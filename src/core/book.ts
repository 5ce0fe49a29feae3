/** The kept book of one symbol: levels by price, the venue's digits untouched. */

import { isZero } from './decimal.ts';
import type { Level } from './event.ts';

/**
 * One side. Its prices stand sorted with the best last, as plain numbers: most changes are near the best, a move of
 * numbers is one move of memory, and a change of an amount alone moves nothing.
 */
interface Side {
  readonly sign: 1 | -1;
  /** `sign` × price, ascending; the first `levels.size` are in use. */
  keys: Float64Array;
  readonly levels: Map<number, Level>;
}

export interface Book {
  readonly bids: Side;
  readonly asks: Side;
}

export function createBook(): Book {
  return {
    bids: { sign: 1, keys: new Float64Array(64), levels: new Map() },
    asks: { sign: -1, keys: new Float64Array(64), levels: new Map() },
  };
}

/** Replaces the whole book by a snapshot's levels, in any order; a level of zero amount is none. */
export function resetBook(book: Book, bids: readonly Level[], asks: readonly Level[]): void {
  resetSide(book.bids, bids);
  resetSide(book.asks, asks);
}

/** Applies a delta: amounts are absolute, zero removes; removing an absent level is no error (bitFlyer does it). */
export function applyDelta(book: Book, bids: readonly Level[], asks: readonly Level[]): void {
  for (const level of bids) applyLevel(book.bids, level);
  for (const level of asks) applyLevel(book.asks, level);
}

function resetSide(side: Side, levels: readonly Level[]): void {
  side.levels.clear();
  for (const level of levels) if (!isZero(level[1])) side.levels.set(side.sign * Number(level[0]), level);
  const keys = Float64Array.from(side.levels.keys()).sort();
  if (keys.length > side.keys.length) side.keys = new Float64Array(keys.length * 2);
  side.keys.set(keys);
}

function applyLevel(side: Side, level: Level): void {
  const key = side.sign * Number(level[0]);
  const present = side.levels.has(key);
  if (!isZero(level[1])) {
    if (!present) insertKey(side, key);
    side.levels.set(key, level);
  } else if (present) {
    const at = search(side, key);
    side.keys.copyWithin(at, at + 1, side.levels.size);
    side.levels.delete(key);
  }
}

function insertKey(side: Side, key: number): void {
  const { size } = side.levels;
  if (size === side.keys.length) {
    const larger = new Float64Array(size * 2);
    larger.set(side.keys);
    side.keys = larger;
  }
  const at = search(side, key);
  side.keys.copyWithin(at + 1, at, size);
  side.keys[at] = key;
}

/** The first place whose key is not below `key`. */
function search(side: Side, key: number): number {
  let low = 0;
  let high = side.levels.size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((side.keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Best first, at most `count` levels. */
export function topOf({ keys, levels }: Side, count: number): readonly Level[] {
  const top: Level[] = [];
  const end = Math.max(0, levels.size - count);
  for (let i = levels.size - 1; i >= end; i--) top.push(levels.get(keys[i] as number) as Level);
  return top;
}

export function bestOf({ keys, levels }: Side): Level | undefined {
  return levels.size === 0 ? undefined : levels.get(keys[levels.size - 1] as number);
}

/** True when the best bid is at or above the best ask: no real book is. */
export function isCrossed({ bids, asks }: Book): boolean {
  if (bids.levels.size === 0 || asks.levels.size === 0) return false;
  const bid = bids.keys[bids.levels.size - 1] as number;
  const ask = asks.keys[asks.levels.size - 1] as number;
  return bid >= -ask;
}

/** Every level of a side, best first. */
export function levelsOf(side: Side): readonly Level[] {
  return topOf(side, side.levels.size);
}
