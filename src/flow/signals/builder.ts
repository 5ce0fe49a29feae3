/**
 * The stage `sig_builder`: feature batches in, signal rows out. Rules judge the newest row of each second of
 * receipt, once that second is over for all venues, in order of seconds, venues and symbols. So the rows do not
 * depend on where batches ended, which worker was faster, or when ticks came: a replay gives the same bytes.
 */

import { type FeatureBatch, type FeatureRow, type FeatureValues, SAMPLE_US } from '../features/feature.ts';
import type { Stage } from '../stage.ts';
import { SIGNALS } from './index.ts';
import type { Judge, SignalBatch, SignalRow, SignalRule } from './signal.ts';

/** How long after a second's end its rows may still arrive: batches of other workers are under way. */
const GRACE_US = 1_000_000;

/** Rows of one pair and exchange are at most this far apart while there is data. */
const EVERY_US = 60_000_000;

/** Times this far behind the newest mean that the wall clock was set back, not that a batch was late. */
const CLOCK_STEP_US = 60_000_000;

interface Line {
  readonly rule: SignalRule;
  readonly judge: Judge;
  newest: SignalRow | null;
  written: SignalRow | null;
}

interface Track {
  readonly venue: string;
  readonly symbol: string;
  readonly lines: readonly Line[];
  /** The newest row of each second that is not closed yet: two or three. */
  pending: FeatureRow[];
}

/**
 * A row is given when a direction changes, and so often that rows of one pair and exchange are never more than a
 * minute apart unless its data is. Without new data ticks give nothing after a minute at most.
 * `counts`: `late_rows`, that came after their second was closed and were left out; `clock_steps`, each of which
 * also leaves out the seconds that were open.
 */
export function signalBuilder(rules: readonly SignalRule[] = SIGNALS): Stage<FeatureBatch, SignalBatch> {
  const byKey = new Map<string, Track>();
  /** Sorted by venue, then symbol. */
  let tracks: readonly Track[] = [];
  const counts = { late_rows: 0, clock_steps: 0 };
  let newestUs = Number.NEGATIVE_INFINITY;
  let openSecond = Number.NEGATIVE_INFINITY;

  function trackOf(venue: string, symbol: string): Track {
    const key = JSON.stringify([venue, symbol]);
    const known = byKey.get(key);
    if (known) return known;
    const lines = rules.map((rule) => ({ rule, judge: rule.start(), newest: null, written: null }));
    const track = { venue, symbol, lines, pending: [] };
    byKey.set(key, track);
    tracks = [...tracks, track].sort(byName);
    return track;
  }

  /** Takes note of a time; the first one, and one after the clock was set back, say which second is open. */
  function see(us: number): void {
    const steppedBack = us < newestUs - CLOCK_STEP_US;
    if (steppedBack) {
      counts.clock_steps++;
      for (const track of tracks) track.pending = [];
    }
    if (steppedBack || newestUs === Number.NEGATIVE_INFINITY) openSecond = secondOf(us - GRACE_US);
    newestUs = steppedBack ? us : Math.max(newestUs, us);
  }

  function observe(track: Track, row: FeatureRow): void {
    if (secondOf(row.localUs) < openSecond) {
      counts.late_rows++;
      return;
    }
    const last = track.pending.at(-1);
    if (last && secondOf(last.localUs) === secondOf(row.localUs)) track.pending.pop();
    track.pending.push(row);
  }

  /** Closes every second that is over, and passes over those in which nothing can happen. */
  function advance(): readonly SignalBatch[] {
    const rows: SignalRow[] = [];
    const end = secondOf(newestUs - GRACE_US);
    let busy = true;
    while (busy && openSecond < end) {
      busy = false;
      for (const track of tracks) if (closeSecond(track, openSecond, rows)) busy = true;
      openSecond++;
    }
    openSecond = Math.max(openSecond, end);
    return rows.length === 0 ? [] : [{ rows }];
  }

  function ingest(batch: FeatureBatch): readonly SignalBatch[] {
    for (const row of batch.rows) {
      see(row.localUs);
      observe(trackOf(batch.venue, row.symbol), row);
    }
    return advance();
  }

  function tick(nowUs: number): readonly SignalBatch[] {
    see(nowUs);
    return advance();
  }

  return { name: 'sig_builder', ingest, tick, counts: () => ({ ...counts }) };
}

/** Judges the row of that second, if there is one; true while later seconds can still give a row without new data. */
function closeSecond(track: Track, second: number, rows: SignalRow[]): boolean {
  const first = track.pending[0];
  const sample = first && secondOf(first.localUs) <= second ? track.pending.shift() : undefined;
  let busy = track.pending.length > 0;
  for (const line of track.lines) {
    if (sample) line.newest = judged(track, line, sample) ?? line.newest;
    if (line.newest === null || line.newest === line.written) continue;
    if (isDue(line.newest, line.written, (second + 1) * SAMPLE_US)) {
      rows.push(line.newest);
      line.written = line.newest;
    } else {
      busy = true;
    }
  }
  return busy;
}

function judged({ venue, symbol }: Track, { rule, judge }: Line, sample: FeatureRow): SignalRow | null {
  const features = pick(sample.values, rule.features);
  const judgement = features === null ? null : judge(features, sample.localUs);
  if (features === null || judgement === null) return null;
  return {
    timestampUs: sample.localUs,
    pair: symbol,
    signal: rule.name,
    ...judgement,
    features,
    exchange: venue,
  };
}

/** At `endUs`: written now, or the next second's row could be more than `EVERY_US` after the last one. */
function isDue(newest: SignalRow, written: SignalRow | null, endUs: number): boolean {
  if (written === null || newest.direction !== written.direction) return true;
  if (newest.timestampUs < written.timestampUs) return true;
  return endUs + SAMPLE_US > written.timestampUs + EVERY_US;
}

function pick(values: FeatureValues, names: readonly string[]): FeatureValues | null {
  const picked: Record<string, number> = {};
  for (const name of names) {
    const value = values[name];
    if (value === undefined) return null;
    picked[name] = value;
  }
  return picked;
}

function secondOf(us: number): number {
  return Math.floor(us / SAMPLE_US);
}

function byName(a: Track, b: Track): number {
  if (a.venue !== b.venue) return a.venue < b.venue ? -1 : 1;
  return a.symbol < b.symbol ? -1 : 1;
}
