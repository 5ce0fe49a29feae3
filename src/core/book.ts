/** The kept book of one symbol: levels by price, the venue's digits untouched. */

import { isZero } from './decimal.ts';
import type { Level } from './event.ts';

/** One side, sorted so that the best level is last: most changes are near it, and then move little memory. */
interface Side {
  readonly sign: 1 | -1;
  /** `sign` × price, ascending. */
  keys: number[];
  levels: Level[];
}

export interface Book {
  readonly bids: Side;
  readonly asks: Side;
}

export function createBook(): Book {
  return { bids: { sign: 1, keys: [], levels: [] }, asks: { sign: -1, keys: [], levels: [] } };
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
  const pairs = levels
    .filter((level) => !isZero(level[1]))
    .map((level) => ({ key: side.sign * Number(level[0]), level }))
    .sort((a, b) => a.key - b.key);
  side.keys = pairs.map((pair) => pair.key);
  side.levels = pairs.map((pair) => pair.level);
}

function applyLevel(side: Side, level: Level): void {
  const key = side.sign * Number(level[0]);
  const at = search(side.keys, key);
  const present = side.keys[at] === key;
  if (isZero(level[1])) {
    if (present) remove(side, at);
  } else if (present) {
    side.levels[at] = level;
  } else {
    insert(side, at, key, level);
  }
}

// Moved by hand: `splice` makes an array of what it removes, and most changes are a few places from the end.
function remove({ keys, levels }: Side, at: number): void {
  const last = keys.length - 1;
  for (let i = at; i < last; i++) {
    keys[i] = keys[i + 1] as number;
    levels[i] = levels[i + 1] as Level;
  }
  keys.pop();
  levels.pop();
}

function insert({ keys, levels }: Side, at: number, key: number, level: Level): void {
  keys.push(key);
  levels.push(level);
  for (let i = keys.length - 1; i > at; i--) {
    keys[i] = keys[i - 1] as number;
    levels[i] = levels[i - 1] as Level;
  }
  keys[at] = key;
  levels[at] = level;
}

/** The first index whose key is not below `key`. */
function search(keys: readonly number[], key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Best first, at most `count` levels. */
export function topOf(side: Side, count: number): readonly Level[] {
  const from = Math.max(0, side.levels.length - count);
  const top: Level[] = [];
  for (let i = side.levels.length - 1; i >= from; i--) top.push(side.levels[i] as Level);
  return top;
}

export function bestOf(side: Side): Level | undefined {
  return side.levels[side.levels.length - 1];
}

/** True when the best bid is at or above the best ask: no real book is. */
export function isCrossed(book: Book): boolean {
  const bid = book.bids.keys[book.bids.keys.length - 1];
  const ask = book.asks.keys[book.asks.keys.length - 1];
  return bid !== undefined && ask !== undefined && bid >= -ask;
}

/** Every level of a side, best first. */
export function levelsOf(side: Side): readonly Level[] {
  return topOf(side, side.levels.length);
}
