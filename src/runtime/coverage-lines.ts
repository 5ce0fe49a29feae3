/** The lines of a day's two coverage files: of a chain each, by venue, feed and symbol. */

import { z } from 'zod';
import { type DayCoverage, type Verdict, verdictOf } from '../core/coverage.ts';
import { FEEDS, type Feed } from '../core/event.ts';
import { seconds } from '../core/time.ts';
import { parseJson } from '../io/json-lines.ts';
import type { GapTimes } from './gap-times.ts';

export interface Chain {
  readonly venue: string;
  readonly feed: Feed;
  readonly symbol: string;
}

export const keyOf = ({ venue, feed, symbol }: Chain): string => `${venue}.${feed}.${symbol}`;

const WORST = ['missing', 'degraded', 'pending', 'available'] as const satisfies readonly Verdict[];

const byChain = <T extends z.ZodType>(line: T) =>
  z.object({ feeds: z.record(z.string(), z.partialRecord(z.enum(FEEDS), z.record(z.string(), line))) });
const coverageFile = byChain(z.object({ minutes: z.string(), completeness: z.number().nullable() }));
const qualityFile = byChain(z.looseObject({ verdict: z.enum(WORST), longest_gap_sec: z.number() }));

export interface Line {
  readonly chain: Chain;
  readonly coverage: Pick<DayCoverage, 'minutes' | 'completeness'>;
  readonly quality: { readonly verdict: Verdict };
}

export function lineOf(
  chain: Chain,
  { minutes, ...numbers }: DayCoverage,
  verdict: Verdict,
  gaps: readonly GapTimes[],
): Line {
  const quality = {
    verdict,
    ...numbers,
    minutes_data: [...minutes].filter((letter) => letter === 'd').length,
    missing: gaps.reduce((sum, { missing }) => sum + (missing ?? 0), 0),
    gaps: gaps.map(({ id, kind, fromUs, toUs, missing }) => ({
      id,
      kind,
      from_ts: seconds(fromUs),
      to_ts: toUs === null ? null : seconds(toUs),
      missing,
    })),
  };
  return { chain, coverage: { minutes, completeness: numbers.completeness }, quality };
}

/**
 * What the two files tell of chains that are not recorded any more: their lines as they were left, closed since. Of files
 * that cannot be read, nothing.
 */
export function keptLines(
  texts: { readonly coverage: string; readonly quality: string },
  isOther: (chain: Chain) => boolean,
  minutesBegun: number,
  isOver: boolean,
): readonly Line[] {
  const coverage = coverageFile.safeParse(parseJson(texts.coverage));
  const quality = qualityFile.safeParse(parseJson(texts.quality));
  if (!coverage.success || !quality.success) return [];
  return Object.entries(coverage.data.feeds).flatMap(([venue, feeds]) =>
    FEEDS.flatMap((feed) =>
      Object.entries(feeds[feed] ?? {}).flatMap(([symbol, { minutes, completeness }]) => {
        const chain = { venue, feed, symbol };
        const told = quality.data.feeds[venue]?.[feed]?.[symbol];
        if (told === undefined || !isOther(chain)) return [];
        const verdict =
          told.verdict === 'pending' ? verdictOf({ ...told, completeness }, isOver) : told.verdict;
        return [
          {
            chain,
            coverage: { minutes: minutes.padEnd(minutesBegun, 'c'), completeness },
            quality: { ...told, verdict },
          },
        ];
      }),
    ),
  );
}

export function nested<T>(
  lines: readonly Line[],
  of: (line: Line) => T,
): Record<string, Record<string, Record<string, T>>> {
  const all: Record<string, Record<string, Record<string, T>>> = {};
  for (const line of lines) {
    const { venue, feed, symbol } = line.chain;
    all[venue] ??= {};
    const feeds = all[venue] as Record<string, Record<string, T>>;
    feeds[feed] ??= {};
    (feeds[feed] as Record<string, T>)[symbol] = of(line);
  }
  return all;
}

/** Of all; of nothing, that is missing. */
export function worstOf(lines: readonly Line[]): Verdict {
  const verdicts = lines.map(({ quality }) => quality.verdict);
  return WORST.find((one) => verdicts.includes(one)) ?? 'missing';
}
