/**
 * The arithmetic of a request budget (DESIGN 8): calls evenly apart (GCRA without a burst), and the venue's own
 * windows as exact sliding sums, both at `share` of the limit. Has no clock: every function is told the time, in
 * ms of one monotonic clock, never going back.
 */

import { createSlidingSum, type Entry } from './sliding-sum.ts';
import type { RateWindow } from './venue.ts';

/**
 * Both ends of a window count, and clocks and timers are not exact: spacing and windows are a thousandth longer
 * than the bare arithmetic.
 */
const EDGE = 1.001;

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

/** What was taken of each window, by its name; oldest first. */
export type History = Readonly<Record<string, readonly Entry[]>>;

/** How full a window is, in its unit. */
export interface WindowUse {
  /** Ours, or what the venue counts for our address when that is more. */
  readonly used: number;
  /** What is used of its limit at most. */
  readonly cap: number;
}

export interface Budget {
  /** `share` × the cap, calls a minute; less while the venue's limits are lowered. */
  targetRpm(nowMs: number): number;
  /** Two calls are never closer than this, ms. */
  spacingMs(nowMs: number): number;
  /** Why no wait would ever make this call fit; null when it can. */
  refusal(cost: Cost): string | null;
  /** How long until the next call of any kind may go, ms. */
  paceMs(nowMs: number): number;
  /** How long until the call's window has room for it, ms. Infinity when it never has. */
  windowMs(cost: Cost, nowMs: number): number;
  /** The call goes now. Both waits must be over. */
  take(cost: Cost, nowMs: number): void;
  /** The call that was taken at `atMs` was not sent. */
  giveBack(cost: Cost, atMs: number): void;
  /**
   * The venue counts `weight` for our address, our call of `sentMs` included, until its own window turns. What we took
   * since then is added; the rest is of other programs, and not ours to use.
   */
  told(window: string, weight: number, sentMs: number, turnsMs: number, nowMs: number): void;
  /** The venue has lowered its limits to this part of them. */
  lower(factor: number, untilMs: number): void;
  loweredMs(nowMs: number): number;
  uses(nowMs: number): Readonly<Record<string, WindowUse>>;
  history(nowMs: number): History;
  /** When the newest call was taken; null before the first. */
  lastMs(): number | null;
  /** What an earlier process took, and when its newest call was, before the first call of this one. */
  restore(history: History, lastMs: number | null, nowMs: number): void;
  /** Other numbers from now on; what was taken still counts. Throws as `createBudget`, and then nothing is changed. */
  adjust(options: BudgetOptions): void;
}

/** Throws RangeError on a cap, a share or a limit out of range: settings are checked before they come here. */
export function createBudget(options: BudgetOptions): Budget {
  let { maxInfoRpm, share } = checked(options);
  let lowered = { factor: 1, untilMs: Number.NEGATIVE_INFINITY };
  let nextMs = Number.NEGATIVE_INFINITY;
  /** The newest call, and when it might have gone without the one before it. */
  let newest: { readonly atMs: number; readonly beforeMs: number } | null = null;

  const factor = (nowMs: number): number => (nowMs < lowered.untilMs ? lowered.factor : 1);
  const part = (whole: number): number => Number((share * whole).toFixed(6));
  const targetRpm = (nowMs: number): number => part(maxInfoRpm * factor(nowMs));
  const spacingMs = (nowMs: number): number => {
    const target = targetRpm(nowMs);
    // No minute holds a part of a call: 13.5 a minute is 13 in each. Below one a minute the spacing alone holds.
    return (60_000 / (target >= 1 ? Math.floor(target) : target)) * EDGE;
  };

  let gauges = new Map(options.windows.map((window) => [window.name, createGauge(window)]));
  const capOf = (gauge: Gauge, nowMs: number): number => Math.floor(part(gauge.limit * factor(nowMs)));

  return {
    targetRpm,
    spacingMs,
    refusal({ window, weight }) {
      const gauge = gauges.get(window);
      if (gauge === undefined) return `there is no window ${window}`;
      if (!(weight >= 0)) return `a weight of ${weight} is none`;
      const cap = Math.floor(part(gauge.limit));
      return weight <= cap ? null : `a weight of ${weight} is above the ${cap} that window ${window} holds`;
    },
    paceMs: (nowMs) => Math.max(0, nextMs - nowMs),
    windowMs({ window, weight }, nowMs) {
      const gauge = gauges.get(window);
      if (gauge === undefined) return Number.POSITIVE_INFINITY;
      const cap = capOf(gauge, nowMs);
      const ownMs = gauge.used.waitMs(weight, cap, nowMs);
      const isFull = nowMs < gauge.told.turnsMs && gauge.told.weight + weight > cap;
      const waitMs = Math.max(ownMs, isFull ? gauge.told.turnsMs - nowMs : 0);
      // Raised limits may have room sooner.
      return nowMs < lowered.untilMs ? Math.min(waitMs, lowered.untilMs - nowMs) : waitMs;
    },
    take({ window, weight }, nowMs) {
      newest = { atMs: nowMs, beforeMs: nextMs };
      nextMs = nowMs + spacingMs(nowMs);
      const gauge = gauges.get(window);
      gauge?.used.add(weight, nowMs);
      if (gauge !== undefined) gauge.told.weight += weight;
    },
    giveBack({ window, weight }, atMs) {
      // Once a later call has gone it cannot be undone that this one held it up.
      if (newest?.atMs === atMs) nextMs = newest.beforeMs;
      gauges.get(window)?.used.remove(weight, atMs);
    },
    told(window, weight, sentMs, turnsMs, nowMs) {
      const gauge = gauges.get(window);
      if (gauge === undefined) return;
      const count = weight + gauge.used.sumAfter(sentMs, nowMs);
      const sameWindow = Math.abs(turnsMs - gauge.told.turnsMs) < gauge.perMs / 2;
      // Answers can overtake one another; within a window the venue's count only grows.
      if (sameWindow) gauge.told.weight = Math.max(gauge.told.weight, count);
      else if (turnsMs > gauge.told.turnsMs) gauge.told = { weight: count, turnsMs };
    },
    lower(to, untilMs) {
      lowered = { factor: to, untilMs: Math.max(untilMs, lowered.untilMs) };
    },
    loweredMs: (nowMs) => Math.max(0, lowered.untilMs - nowMs),
    uses: (nowMs) =>
      Object.fromEntries(
        [...gauges].map(([name, gauge]) => {
          const told = nowMs < gauge.told.turnsMs ? gauge.told.weight : 0;
          return [name, { used: Math.max(gauge.used.sum(nowMs), told), cap: capOf(gauge, nowMs) }];
        }),
      ),
    history: (nowMs) =>
      Object.fromEntries([...gauges].map(([name, gauge]) => [name, gauge.used.entries(nowMs)])),
    lastMs: () => newest?.atMs ?? null,
    restore(history, lastMs, nowMs) {
      for (const [name, entries] of Object.entries(history)) {
        for (const { atMs, amount } of entries) gauges.get(name)?.used.add(amount, atMs);
      }
      if (lastMs === null) return;
      newest = { atMs: lastMs, beforeMs: lastMs };
      nextMs = lastMs + spacingMs(nowMs);
    },
    adjust(next) {
      const made = new Map(next.windows.map((window) => [window.name, createGauge(window)]));
      ({ maxInfoRpm, share } = checked(next));
      for (const [name, gauge] of made) {
        const before = gauges.get(name);
        if (before === undefined) continue;
        // Its own span may be another: what the shorter one has forgotten is not known any more.
        for (const { atMs, amount } of before.used.entries(Number.NEGATIVE_INFINITY))
          gauge.used.add(amount, atMs);
        gauge.told = before.told;
      }
      gauges = made;
      if (newest !== null) nextMs = newest.atMs + spacingMs(newest.atMs);
    },
  };
}

function checked({ maxInfoRpm, share }: BudgetOptions): Pick<BudgetOptions, 'maxInfoRpm' | 'share'> {
  if (!(maxInfoRpm > 0 && maxInfoRpm < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`calls a minute out of range: ${maxInfoRpm}`);
  }
  if (!(share > 0 && share <= 1)) throw new RangeError(`share out of range: ${share}`);
  return { maxInfoRpm, share };
}

/** One of the venue's windows, and how full it is. */
interface Gauge {
  readonly limit: number;
  readonly perMs: number;
  readonly used: ReturnType<typeof createSlidingSum>;
  /** What the venue counts, until its own window turns. */
  told: { weight: number; readonly turnsMs: number };
}

function createGauge({ name, limit, perMs }: RateWindow): Gauge {
  if (!(limit > 0 && perMs > 0)) {
    throw new RangeError(`window ${name} out of range: ${limit} per ${perMs} ms`);
  }
  return {
    limit,
    perMs,
    used: createSlidingSum(perMs * EDGE),
    told: { weight: 0, turnsMs: Number.NEGATIVE_INFINITY },
  };
}
