/** The pieces of which every venue's judgement of "too much" is made. */

import type { Limit, RestAnswer, Verdict } from '../core/venue.ts';

const MINUTE_MS = 60_000;
/** A `Date` header is cut to seconds, and some time on its way: within this our clock and the venue's agree, ms. */
const AHEAD_MS = 1_000;
const BEHIND_MS = 2_000;
/** What two clocks that agree may differ by: a moment that a venue names is never met too early, ms. */
const MARGIN_MS = 250;

export const FREE: Verdict = { limit: null, used: null };

/** A limit for which the venue named this time; where it named none (null), our guess. */
export function limit(
  outcome: Limit['outcome'],
  namedMs: number | null,
  guessMs: number,
  more: Partial<Pick<Limit, 'ban' | 'scope' | 'lowered'>> = {},
): Limit {
  const pauseMs = namedMs ?? guessMs;
  return { outcome, pauseMs, named: namedMs !== null, ban: false, scope: 'rest', lowered: null, ...more };
}

/** `Retry-After`: seconds, or a date (RFC 9110, 10.2.3), as ms. Null when absent, unreadable or not ahead of us. */
export function retryAfterMs(answer: RestAnswer): number | null {
  const value = answer.headers['retry-after'];
  if (value === undefined) return null;
  if (!/^\s*\d+(\.\d+)?\s*$/.test(value)) return untilMs(Date.parse(value), answer);
  return Number(value) > 0 ? Number(value) * 1000 : null;
}

/** How long until the venue's clock shows `epochMs`. Null when that is no time, or past. */
export function untilMs(epochMs: number, answer: RestAnswer): number | null {
  const ms = epochMs - venueMs(answer);
  return ms > 0 && ms < Number.POSITIVE_INFINITY ? ms + MARGIN_MS : null;
}

/** How long until the venue's clock begins a new minute. */
export function untilMinuteMs(answer: RestAnswer): number {
  return MINUTE_MS - (Math.max(0, venueMs(answer)) % MINUTE_MS);
}

/** The larger of two times where there are any. */
export function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

/** The venue's clock at the receipt, epoch ms: ours, unless its `Date` header says that the two disagree. */
function venueMs({ headers, nowUs }: RestAnswer): number {
  const ours = nowUs / 1000;
  const theirs = Date.parse(headers.date ?? '');
  return theirs - ours > AHEAD_MS || ours - theirs > BEHIND_MS ? theirs : ours;
}
