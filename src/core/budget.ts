/**
 * The arithmetic of a request budget (DESIGN 8): calls evenly apart (GCRA without a burst), and the venue's own
 * windows as exact sliding sums, both at `share` of the limit. Has no clock: every function is told the time, in
 * ms of one monotonic clock, never going back.
 */

import type { RateWindow } from './venue.ts';

/**
 * Both ends of a window count, and clocks and timers are not exact: spacing and windows are a thousandth longer
 * than the bare arithmetic.
 */
const EDGE = 1.001;

/** Sum of what was added in the last `perMs`; an amount leaves exactly `perMs` after it came. */
export interface SlidingSum {
  add(amount: number, nowMs: number): void;
  sum(nowMs: number): number;
  /** How long until `amount` more keeps the sum within `cap`, ms; Infinity when it never does. */
  waitMs(amount: number, cap: number, nowMs: number): number;
}

export function createSlidingSum(perMs: number): SlidingSum {
  const entries: { readonly untilMs: number; readonly amount: number }[] = [];
  let total = 0;

  const sum = (nowMs: number): number => {
    const kept = entries.findIndex((entry) => entry.untilMs > nowMs);
    for (const gone of entries.splice(0, kept < 0 ? entries.length : kept)) total -= gone.amount;
    if (entries.length === 0) total = 0;
    return total;
  };

  return {
    add(amount, nowMs) {
      total = sum(nowMs) + amount;
      entries.push({ untilMs: nowMs + perMs, amount });
    },
    sum,
    waitMs(amount, cap, nowMs) {
      let left = sum(nowMs) + amount;
      if (left <= cap) return 0;
      for (const entry of entries) {
        left -= entry.amount;
        if (left <= cap) return entry.untilMs - nowMs;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

export interface BudgetOptions {
  /** The operators' cap on calls a minute. */
  readonly maxInfoRpm: number;
  /** The part of every limit that is used, in (0, 1]. */
  readonly share: number;
  readonly windows: readonly RateWindow[];
}

/** What a call takes from the budget: one call, and `weight` of one of the venue's windows. */
export interface Cost {
  readonly window: string;
  readonly weight: number;
}

export interface Budget {
  /** `share` × the cap, calls a minute. */
  readonly targetRpm: number;
  /** Two calls are never closer than this, ms. */
  readonly spacingMs: number;
  /** Why no wait would ever make this call fit; null when it can. */
  refusal(cost: Cost): string | null;
  /** How long until the next call of any kind may go, ms. */
  paceMs(nowMs: number): number;
  /** How long until the call's window has room for it, ms. Infinity when it never has. */
  windowMs(cost: Cost, nowMs: number): number;
  /** The call goes now. Both waits must be over. */
  take(cost: Cost, nowMs: number): void;
}

/** Throws RangeError on a cap, a share or a limit out of range: settings are checked before they come here. */
export function createBudget({ maxInfoRpm, share, windows }: BudgetOptions): Budget {
  if (!(maxInfoRpm > 0 && maxInfoRpm < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`calls a minute out of range: ${maxInfoRpm}`);
  }
  if (!(share > 0 && share <= 1)) throw new RangeError(`share out of range: ${share}`);

  const targetRpm = Number((share * maxInfoRpm).toFixed(6));
  // No minute holds a part of a call: 13.5 a minute is 13 in each. Below one a minute the spacing alone holds.
  const perMinute = targetRpm >= 1 ? Math.floor(targetRpm) : targetRpm;
  const spacingMs = (60_000 / perMinute) * EDGE;
  let nextMs = Number.NEGATIVE_INFINITY;

  const limits = new Map(
    windows.map(({ name, limit, perMs }) => {
      if (!(limit > 0 && perMs > 0))
        throw new RangeError(`window ${name} out of range: ${limit} per ${perMs} ms`);
      return [
        name,
        { cap: Math.floor(Number((share * limit).toFixed(6))), used: createSlidingSum(perMs * EDGE) },
      ];
    }),
  );

  return {
    targetRpm,
    spacingMs,
    refusal({ window, weight }) {
      const limit = limits.get(window);
      if (limit === undefined) return `there is no window ${window}`;
      if (!(weight >= 0)) return `a weight of ${weight} is none`;
      return weight <= limit.cap
        ? null
        : `a weight of ${weight} is above the ${limit.cap} that window ${window} holds`;
    },
    paceMs: (nowMs) => Math.max(0, nextMs - nowMs),
    windowMs: ({ window, weight }, nowMs) => {
      const limit = limits.get(window);
      return limit === undefined ? Number.POSITIVE_INFINITY : limit.used.waitMs(weight, limit.cap, nowMs);
    },
    take({ window, weight }, nowMs) {
      nextMs = nowMs + spacingMs;
      limits.get(window)?.used.add(weight, nowMs);
    },
  };
}
