/** `collector/rate_stats.json` (DESIGN 6.4): how often each venue is called, how that ended, what holds it back. */

import type { WindowUse } from '../core/budget.ts';
import { createSlidingSum } from '../core/sliding-sum.ts';
import { seconds } from '../core/time.ts';
import type { Fact } from './protocol.ts';

/** How a request ended; a number is the HTTP status by which the venue refused it, or that its refusal stands for. */
export type Outcome = 'OK' | 'ERR' | number;

export interface CallRates {
  /** Permits in the last 60 s. */
  readonly rpm_60s: number;
  /** Permits a minute, the mean of the last 300 s. */
  readonly rpm_300s: number;
  /** Permits since the start. */
  readonly permits_total: number;
  /** Outcomes other than `OK` in the last 60 s. */
  readonly err_60s: number;
  /** Outcomes by name; those that did not occur are left out. */
  readonly outcomes_60s: Readonly<Record<string, number>>;
  readonly outcomes_300s: Readonly<Record<string, number>>;
  readonly outcomes_total: Readonly<Record<string, number>>;
}

/** One venue's part of the file. */
export interface VenueRateStats extends CallRates {
  /** Of the present moment: less while the venue has lowered its limits. */
  readonly target_rpm: number;
  /** Anything but `free`. */
  readonly throttle: boolean;
  readonly state: ThrottleState;
  /** What polling intervals are multiplied by; 1 when nothing is stretched. */
  readonly stretch: number;
  readonly waiting: number;
  /** What is left of a pause, s; 0 when there is none. */
  readonly paused_sec: number;
  /** For how long the venue's limits are still lowered, s. */
  readonly lowered_sec: number;
  /** By the name of the venue's window, in its unit. */
  readonly windows: Readonly<Record<string, WindowUse>>;
}

/**
 * What holds a venue's requests back: a ban, a pause, polling that is still stretched after a limit, or demand that
 * has waited more than twice the spacing.
 */
export type ThrottleState = 'banned' | 'paused' | 'recovering' | 'waiting' | 'free';

export function throttleState(
  pause: { readonly ban: boolean } | null,
  stretch: number,
  hasWaited: boolean,
): ThrottleState {
  if (pause !== null) return pause.ban ? 'banned' : 'paused';
  if (stretch > 1) return 'recovering';
  return hasWaited ? 'waiting' : 'free';
}

export interface RateStats {
  /** Epoch seconds. */
  readonly ts: number;
  /** By venue. */
  readonly stats: Readonly<Record<string, VenueRateStats>>;
}

/** The file's object as of `wallUs` (µs UTC). */
export function rateStats(
  governors: Iterable<{ readonly venue: string; stats(): VenueRateStats }>,
  wallUs: number,
): RateStats {
  const stats: Record<string, VenueRateStats> = {};
  for (const governor of governors) stats[governor.venue] = governor.stats();
  return { ts: seconds(wallUs), stats };
}

/** Told of each file's statistics: every change of a venue's `throttle` becomes a line of `events.jsonl`. */
export function createThrottleWatch(note: (fact: Fact) => void): (stats: RateStats['stats']) => void {
  const throttled = new Set<string>();
  return (stats) => {
    for (const scope of throttled) if (stats[scope] === undefined) throttled.delete(scope);
    for (const [scope, { throttle, state, stretch }] of Object.entries(stats)) {
      if (throttle === throttled.has(scope)) continue;
      if (throttle) throttled.add(scope);
      else throttled.delete(scope);
      note({ type: 'throttle', scope, on: throttle, state, stretch });
    }
  };
}

export interface Tally {
  /** A permit was given. */
  call(nowMs: number): void;
  /** The permit of that moment came back unused. */
  uncall(atMs: number): void;
  /** A request ended. */
  outcome(outcome: Outcome, nowMs: number): void;
  read(nowMs: number): CallRates;
}

/** Counts over the last 60 s, the last 300 s and since the start, by the monotonic clock. */
export function createTally(): Tally {
  const calls = createCounter();
  const outcomes = new Map<string, Counter>();
  return {
    call: (nowMs) => calls.add(nowMs),
    uncall: (atMs) => calls.remove(atMs),
    outcome(outcome, nowMs) {
      const name = String(outcome);
      const counter = outcomes.get(name) ?? createCounter();
      outcomes.set(name, counter);
      counter.add(nowMs);
    },
    read(nowMs) {
      const made = calls.read(nowMs);
      const ended = [...outcomes].map(([name, counter]) => ({ name, ...counter.read(nowMs) }));
      const by = (span: keyof Counts) =>
        Object.fromEntries(ended.filter((one) => one[span] > 0).map((one) => [one.name, one[span]]));
      return {
        rpm_60s: made.in60s,
        rpm_300s: made.in300s / 5,
        permits_total: made.total,
        err_60s: ended.reduce((sum, one) => sum + (one.name === 'OK' ? 0 : one.in60s), 0),
        outcomes_60s: by('in60s'),
        outcomes_300s: by('in300s'),
        outcomes_total: by('total'),
      };
    },
  };
}

interface Counts {
  readonly in60s: number;
  readonly in300s: number;
  readonly total: number;
}

interface Counter {
  add(nowMs: number): void;
  remove(atMs: number): void;
  read(nowMs: number): Counts;
}

function createCounter(): Counter {
  const minute = createSlidingSum(60_000);
  const fiveMinutes = createSlidingSum(300_000);
  let total = 0;
  return {
    add(nowMs) {
      minute.add(1, nowMs);
      fiveMinutes.add(1, nowMs);
      total += 1;
    },
    remove(atMs) {
      minute.remove(1, atMs);
      fiveMinutes.remove(1, atMs);
      total -= 1;
    },
    read: (nowMs) => ({ in60s: minute.sum(nowMs), in300s: fiveMinutes.sum(nowMs), total }),
  };
}
