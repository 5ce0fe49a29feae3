/** When rows are missing, by symbol, of the last days: what coverage is made of. */

import type { Gap, GapEnd, GapKind } from '../core/gap.ts';

/** A gap that was not, or not wholly, filled. µs UTC. */
export interface GapTimes {
  readonly id: string;
  readonly kind: GapKind;
  readonly fromUs: number;
  /** Null: it is open. */
  readonly toUs: number | null;
  readonly missing: number | null;
}

export interface GapCalendar {
  /** `tsUs`: when the line was written; it stands for a side that has no time. */
  take(gap: Gap, end: GapEnd | null, tsUs: number): void;
  drop(gap: Gap): void;
  /** Of a symbol, those that reach beyond a time, in the order of their beginning. */
  of(chain: Pick<Gap, 'venue' | 'feed' | 'symbol'>, fromUs: number): readonly GapTimes[];
  /** What ended before a time is not asked for any more. */
  forget(beforeUs: number): void;
}

export function createGapCalendar(): GapCalendar {
  const chains = new Map<string, Map<string, GapTimes>>();
  const keyOf = ({ venue, feed, symbol }: Pick<Gap, 'venue' | 'feed' | 'symbol'>): string =>
    `${venue} ${feed} ${symbol}`;
  return {
    take(gap, end, tsUs) {
      const key = keyOf(gap);
      const gaps = chains.get(key) ?? new Map<string, GapTimes>();
      chains.set(key, gaps);
      if (end?.repaired === 'full') return void gaps.delete(gap.id);
      const fromUs = us(gap.from.local_ts) ?? gaps.get(gap.id)?.fromUs ?? tsUs;
      const toUs = end === null ? null : Math.max(fromUs, us(end.to.local_ts) ?? tsUs);
      gaps.set(gap.id, { id: gap.id, kind: gap.kind, fromUs, toUs, missing: end?.missing ?? null });
    },
    drop: (gap) => void chains.get(keyOf(gap))?.delete(gap.id),
    of: (chain, fromUs) =>
      [...(chains.get(keyOf(chain))?.values() ?? [])]
        .filter(({ toUs }) => toUs === null || toUs > fromUs)
        .sort((a, b) => a.fromUs - b.fromUs),
    forget(beforeUs) {
      for (const [key, gaps] of chains) {
        for (const [id, { toUs }] of gaps) if (toUs !== null && toUs < beforeUs) gaps.delete(id);
        if (gaps.size === 0) chains.delete(key);
      }
    },
  };
}

const us = (ts: number | undefined): number | null => (ts === undefined ? null : Math.round(ts * 1e6));
