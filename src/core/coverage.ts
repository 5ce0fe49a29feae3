/**
 * How much of a day was recorded, from what is known to be missing: never from rows alone, since a market may be quiet.
 * The rule of the verdict is published in docs/completeness.md.
 */

const MINUTE_US = 60_000_000;

/** µs UTC. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface DayCoverage {
  /**
   * A letter for each minute of the day that has begun: `d` data (watched, and nothing is missing), `p` partial, `g` gap,
   * `c` closed (it was not to be recorded: before its first row).
   */
  readonly minutes: string;
  readonly watched_sec: number;
  readonly gap_sec: number;
  readonly longest_gap_sec: number;
  /** Part of the watched time without a gap; null where nothing was watched. */
  readonly completeness: number | null;
}

export type Verdict = 'available' | 'degraded' | 'missing' | 'pending';

/** Below this part, or with one gap longer than this, a day is degraded. */
export const COMPLETE = 0.995;
export const LONG_GAP_SEC = 60;

/** `watch`: when it was to be recorded; `gaps` may overlap, and reach beyond both. */
export function coverDay(day: Stretch, nowUs: number, watch: Stretch, gaps: readonly Stretch[]): DayCoverage {
  const watched = cut(watch, { fromUs: day.fromUs, toUs: Math.min(day.toUs, nowUs) });
  const missing = watched === null ? [] : together(gaps.flatMap((gap) => cut(gap, watched) ?? []));
  const watchedUs = watched === null ? 0 : length(watched);
  const gapUs = missing.reduce((sum, one) => sum + length(one), 0);
  const longestUs = missing.reduce((most, one) => Math.max(most, length(one)), 0);
  return {
    minutes: minutesOf(day, nowUs, watched, missing),
    watched_sec: sec(watchedUs),
    gap_sec: sec(gapUs),
    longest_gap_sec: sec(longestUs),
    completeness: watchedUs === 0 ? null : Math.floor((1 - gapUs / watchedUs) * 1e6) / 1e6,
  };
}

/** `isOver`: the day has ended. */
export function verdictOf(
  { completeness, longest_gap_sec }: Pick<DayCoverage, 'completeness' | 'longest_gap_sec'>,
  isOver: boolean,
): Verdict {
  if (!isOver) return 'pending';
  if (completeness === null || completeness === 0) return 'missing';
  return completeness < COMPLETE || longest_gap_sec > LONG_GAP_SEC ? 'degraded' : 'available';
}

function minutesOf(
  day: Stretch,
  nowUs: number,
  watched: Stretch | null,
  missing: readonly Stretch[],
): string {
  let letters = '';
  let at = 0;
  const endUs = Math.min(day.toUs, nowUs);
  for (let fromUs = day.fromUs; fromUs < endUs; fromUs += MINUTE_US) {
    const toUs = fromUs + MINUTE_US;
    const ownUs = watched === null ? 0 : common(watched, fromUs, toUs);
    while (at < missing.length && (missing[at] as Stretch).toUs <= fromUs) at += 1;
    let gapUs = 0;
    for (let index = at; index < missing.length; index++) {
      const partUs = common(missing[index] as Stretch, fromUs, toUs);
      if (partUs === 0) break;
      gapUs += partUs;
    }
    if (ownUs === 0) letters += 'c';
    else letters += gapUs === 0 ? 'd' : gapUs >= ownUs ? 'g' : 'p';
  }
  return letters;
}

/** How much of a stretch lies between two times. */
function common({ fromUs, toUs }: Stretch, aUs: number, bUs: number): number {
  return Math.max(0, Math.min(toUs, bUs) - Math.max(fromUs, aUs));
}

/** What two have in common; null for nothing. */
function cut(a: Stretch, b: Stretch): Stretch | null {
  const [fromUs, toUs] = [Math.max(a.fromUs, b.fromUs), Math.min(a.toUs, b.toUs)];
  return fromUs < toUs ? { fromUs, toUs } : null;
}

/** In order, those that touch made one. */
function together(stretches: readonly Stretch[]): readonly Stretch[] {
  const sorted = [...stretches].sort((a, b) => a.fromUs - b.fromUs);
  const merged: Stretch[] = [];
  for (const one of sorted) {
    const last = merged.at(-1);
    if (last === undefined || one.fromUs > last.toUs) merged.push(one);
    else merged[merged.length - 1] = { fromUs: last.fromUs, toUs: Math.max(last.toUs, one.toUs) };
  }
  return merged;
}

const length = ({ fromUs, toUs }: Stretch): number => toUs - fromUs;
const sec = (us: number): number => Math.round(us / 1000) / 1000;
