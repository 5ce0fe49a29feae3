/** The ledgers against the faults: what is still open at the end, and what was broken that nobody broke. */

import type { Findings } from './findings.ts';
import type { Ledgers, ToldGap } from './ledgers.ts';
import type { ToldFault } from './told.ts';

/** What a fault breaks, it breaks within this time. */
const FELT_SEC = 60;

/** A book that was given up without a fault at its venue; `quietTs`: our own restarts, which disturb all. */
export function checkResyncs({ events }: Ledgers, faults: readonly ToldFault[], findings: Findings): number {
  const resyncs = events.filter(({ type }) => type === 'resync');
  for (const { ts, scope, symbol = '', reason } of resyncs) {
    const venue = scope.split('.')[0];
    const cause = faults.some(
      (fault) => fault.venue === venue && fault.ts <= ts && ts <= fault.untilTs + FELT_SEC,
    );
    if (!cause)
      findings.add('resyncs', scope, `${symbol} at ${ts} (${String(reason)}), and no fault before it`);
  }
  return resyncs.length;
}

/** Bans, backoffs and waits for a subscription are over by then, and what they held up is there. */
export const HEALED_SEC = 300;

/** The last minutes are without faults: by their end every gap has ended. */
export function checkGaps({ gaps }: Ledgers, findings: Findings): void {
  for (const { state, venue, feed, symbol, kind, ts } of gaps)
    if (state === 'open')
      findings.add('gaps', `${feed}-${venue}`, `${symbol}: ${kind} of ${ts} is still open`);
}

export interface GapCounts {
  readonly gaps: number;
  readonly by_kind: Readonly<Record<string, number>>;
  readonly by_repaired: Readonly<Record<string, number>>;
  readonly backfilled: number;
  /** Trades that are known to be missing. */
  readonly missing: number;
}

export function countGaps(gaps: readonly ToldGap[]): GapCounts {
  return {
    gaps: gaps.length,
    by_kind: tally(gaps.map(({ kind }) => kind)),
    by_repaired: tally(gaps.map(({ state, repaired }) => (state === 'open' ? 'open' : (repaired ?? 'none')))),
    backfilled: gaps.reduce((sum, { backfilled = 0 }) => sum + backfilled, 0),
    missing: gaps.reduce((sum, { missing }) => sum + (missing ?? 0), 0),
  };
}

/** How often each name is there, the most frequent first. */
export function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
}
