/** A sum over the last so many ms, exact, by one monotonic clock that never goes back. */

/** Sum of what was added in the last `perMs`; an amount leaves exactly `perMs` after it came. */
export interface SlidingSum {
  add(amount: number, nowMs: number): void;
  /** Takes back one amount that was added at `atMs`, when it is still there. */
  remove(amount: number, atMs: number): void;
  sum(nowMs: number): number;
  /** What was added later than `afterMs`. */
  sumAfter(afterMs: number, nowMs: number): number;
  /** How long until `amount` more keeps the sum within `cap`, ms; Infinity when it never does. */
  waitMs(amount: number, cap: number, nowMs: number): number;
  /** What the sum is made of, oldest first. */
  entries(nowMs: number): readonly Entry[];
}

export interface Entry {
  readonly atMs: number;
  readonly amount: number;
}

export function createSlidingSum(perMs: number): SlidingSum {
  const entries: Entry[] = [];
  let total = 0;

  const sum = (nowMs: number): number => {
    const kept = entries.findIndex((entry) => entry.atMs + perMs > nowMs);
    for (const gone of entries.splice(0, kept < 0 ? entries.length : kept)) total -= gone.amount;
    if (entries.length === 0) total = 0;
    return total;
  };

  return {
    add(amount, nowMs) {
      total = sum(nowMs) + amount;
      entries.push({ atMs: nowMs, amount });
    },
    remove(amount, atMs) {
      const at = entries.findIndex((entry) => entry.atMs === atMs && entry.amount === amount);
      if (at < 0) return;
      entries.splice(at, 1);
      total -= amount;
    },
    sum,
    sumAfter(afterMs, nowMs) {
      sum(nowMs);
      return entries.reduce((later, entry) => later + (entry.atMs > afterMs ? entry.amount : 0), 0);
    },
    waitMs(amount, cap, nowMs) {
      let left = sum(nowMs) + amount;
      if (left <= cap) return 0;
      for (const entry of entries) {
        left -= entry.amount;
        if (left <= cap) return entry.atMs + perMs - nowMs;
      }
      return Number.POSITIVE_INFINITY;
    },
    entries(nowMs) {
      sum(nowMs);
      return [...entries];
    },
  };
}
