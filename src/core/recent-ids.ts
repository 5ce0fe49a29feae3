/** The newest ids of one stream, in bounded memory: whole numbers as ranges, any others one by one. */

import { createNumberSet } from './number-set.ts';

export interface RecentIds {
  has(id: string): boolean;
  /** True when the id is new; it is remembered then, with all numbers from `first` on. */
  add(id: string, first?: string): boolean;
  /** From now on it remembers so many. */
  keep(limit: number): void;
}

/**
 * Remembers at least the newest `limit` ids. A range of whole numbers without a hole counts as one of them, so that ids
 * that count up are never forgotten; of ranges twice as many can be held. No other id passes for one that was seen.
 */
export function createRecentIds(limit = 20_000): RecentIds {
  let most = limit;
  /** Two generations: the older is dropped when the newer is full. */
  let newer = createNumberSet();
  let older = createNumberSet();
  const names = new Set<string>();
  /** Stands before the oldest name: a set tells its members in the order in which they came. */
  let oldest: Iterator<string> | null = null;

  const trim = (): void => {
    while (names.size > most) {
      oldest ??= names.values();
      names.delete(oldest.next().value as string);
    }
  };

  const hasNumber = (number: number): boolean => newer.has(number) || older.has(number);

  return {
    has(id) {
      const number = numberOf(id);
      return number === null ? names.has(id) : hasNumber(number);
    },
    add(id, first) {
      const number = numberOf(id);
      if (number === null) {
        const before = names.size;
        const isNew = names.add(id).size > before;
        if (isNew) trim();
        return isNew;
      }
      if (hasNumber(number)) return false;
      newer.add((first === undefined ? null : numberOf(first)) ?? number, number);
      if (newer.size() >= most) {
        older = newer;
        newer = createNumberSet();
      }
      return true;
    },
    keep(next) {
      most = next;
      trim();
    },
  };
}

const ZERO = 48;

/** Null where it is no number, or not the only way to write it: `7` and `07` are two ids. */
function numberOf(id: string): number | null {
  const { length } = id;
  if (length === 0 || length > 15 || (length > 1 && id.charCodeAt(0) === ZERO)) return null;
  let number = 0;
  for (let at = 0; at < length; at++) {
    const digit = id.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return null;
    number = number * 10 + digit;
  }
  return number;
}
