/**
 * Which ids of one stream were seen, where ids count up by one: as ranges, so that memory grows with the holes and not
 * with the ids. Exact for duplicates and for holes, in whatever order the ids come.
 */

/** One id and where it stood; `T` is the caller's own. */
export interface Seen<T> {
  readonly id: number;
  readonly at: T;
}

/** Ids that are missing: all between these two that were seen. */
export interface IdHole<T> {
  readonly before: Seen<T>;
  readonly behind: Seen<T>;
}

/**
 * `next`: the highest so far; `late`: below the highest and new; `duplicate`; `unknown`: in a part of the ids whose
 * holes were given up, so that it cannot be told whether it was seen.
 */
export type IdStep = 'next' | 'late' | 'duplicate' | 'unknown';

export interface IdRanges<T> {
  add(id: number, at: T): IdStep;
  /** The holes that are left, lowest first. */
  holes(): readonly IdHole<T>[];
}

interface Range<T> {
  low: number;
  high: number;
  /** Where its ends stood when they came in order: what fills a hole later does not move its edges in time. */
  readonly lowAt: T;
  highAt: T;
}

/** Beyond `limit` ranges the lower half of the holes is given up: `onHole` has them, and they are not kept any more. */
export function createIdRanges<T>(onHole: (hole: IdHole<T>) => void, limit = 100_000): IdRanges<T> {
  const ranges: Range<T>[] = [];
  /** Up to here nothing is known any more. */
  let givenUp = Number.NEGATIVE_INFINITY;

  const holeAfter = (index: number): IdHole<T> => {
    const [one, next] = [ranges[index] as Range<T>, ranges[index + 1] as Range<T>];
    return { before: { id: one.high, at: one.highAt }, behind: { id: next.low, at: next.lowAt } };
  };

  const giveUp = (): void => {
    const count = Math.max(1, Math.floor(ranges.length / 2));
    for (let index = 0; index < count; index++) onHole(holeAfter(index));
    givenUp = (ranges[count] as Range<T>).low - 1;
    ranges.splice(0, count);
  };

  const keepBound = (): void => {
    if (ranges.length > limit) giveUp();
  };

  /** The last range that begins at or below `id`; -1 where none does. */
  const search = (id: number): number => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as Range<T>).low <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };

  const addLate = (id: number, at: T): IdStep => {
    if (id <= givenUp) return 'unknown';
    const index = search(id);
    const below = ranges[index];
    if (below !== undefined && id <= below.high) return 'duplicate';
    const above = ranges[index + 1];
    if (below?.high === id - 1) {
      below.high = id;
      if (above?.low === id + 1) {
        below.high = above.high;
        below.highAt = above.highAt;
        ranges.splice(index + 1, 1);
      }
    } else if (above?.low === id + 1) above.low = id;
    else
      ranges.splice(index + 1, 0, {
        low: id,
        high: id,
        lowAt: above?.lowAt ?? at,
        highAt: below?.highAt ?? at,
      });
    keepBound();
    return 'late';
  };

  return {
    add(id, at) {
      const last = ranges.at(-1);
      if (last !== undefined && id <= last.high) return addLate(id, at);
      if (last?.high === id - 1) {
        last.high = id;
        last.highAt = at;
      } else {
        ranges.push({ low: id, high: id, lowAt: at, highAt: at });
        keepBound();
      }
      return 'next';
    },
    holes: () => Array.from({ length: Math.max(0, ranges.length - 1) }, (_, index) => holeAfter(index)),
  };
}
