/**
 * The stage `sig_builder`: feature batches in, signal rows out. Rules judge the newest row of each second of
 * receipt, once that second is over for all venues, in order of seconds, venues and symbols. So the rows do not
 * depend on where batches ended, which worker was faster, or when ticks came: a replay gives the same bytes.
 *
 * The wall clock may be set back. Rows of one symbol and venue come from one thread, in order of receipt: a time
 * before that of the row before it says so. Then all that is open is judged and given, and seconds begin anew.
 */

import { type FeatureBatch, type FeatureRow, type FeatureValues, SAMPLE_US } from '../features/feature.ts';
import type { Stage } from '../stage.ts';
import { SIGNALS } from './index.ts';
import type { Judge, SignalBatch, SignalRow, SignalRule } from './signal.ts';

/** How long after a second's end its rows may still arrive: batches of other workers are under way. */
const GRACE_US = 1_000_000;

/** Rows of one pair and exchange are at most this far apart while there is data. */
const EVERY_US = 60_000_000;

/** A symbol that was silent shows a clock that was set back only by being this far behind the newest time. */
const FAR_BEHIND_US = 60_000_000;

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
  /** The newest row of each second that is not closed yet: two or three, in order of seconds. */
  pending: FeatureRow[];
  /** Receipt of the newest row that was not left out. */
  lastUs: number;
  /** It was forgotten: kept until it has given its last row, in this second at the latest. Null: it goes on. */
  lastSecond: number | null;
}

/**
 * A row is given when a direction changes, and so often that rows of one pair and exchange are never more than a
 * minute apart unless its data is. Without new data ticks give nothing after a minute at most; a tick at Infinity
 * gives all that is left.
 * `counts`: `late_rows`, that came after their second was closed, or after others had shown that the clock was set
 * back, and were left out; `clock_steps`, times that it was set back by more than a second.
 */
export function signalBuilder(rules: readonly SignalRule[] = SIGNALS): Stage<FeatureBatch, SignalBatch> {
  const byKey = new Map<string, Track>();
  /** Sorted by venue, then symbol. */
  let tracks: readonly Track[] = [];
  const counts = { late_rows: 0, clock_steps: 0 };
  let newestUs = Number.NEGATIVE_INFINITY;
  let openSecond = Number.NEGATIVE_INFINITY;

  function trackOf(venue: string, { symbol, localUs }: FeatureRow): Track {
    const key = keyOf(venue, symbol);
    const known = byKey.get(key);
    if (known) return known;
    // What it had to give when it was forgotten comes before what it gives now.
    for (const one of tracks)
      if (one.lastSecond !== null && one.venue === venue && one.symbol === symbol)
        one.lastSecond = Math.min(one.lastSecond, secondOf(localUs));
    const lines = rules.map((rule) => ({ rule, judge: rule.start(), newest: null, written: null }));
    const track: Track = {
      venue,
      symbol,
      lines,
      pending: [],
      lastUs: Number.NEGATIVE_INFINITY,
      lastSecond: null,
    };
    byKey.set(key, track);
    tracks = [...tracks, track].sort(byName);
    return track;
  }

  function beginAt(us: number): void {
    openSecond = secondOf(us - GRACE_US);
    newestUs = us;
  }

  /** What a row's time says: it is in order, it comes too late, or the clock was set back before it. */
  function judgeTime(track: Track, us: number): 'in order' | 'late' | 'set back' {
    const sinceLast = us - track.lastUs;
    // Others have shown that the clock was set back, and this symbol has not.
    const isBehindOthers = track.lastUs > newestUs;
    if (sinceLast < -GRACE_US && !isBehindOthers) return 'set back';
    // Goes on from its symbol's last row: under way since before the clock was set, or held up.
    const goesOn = Math.abs(sinceLast) <= GRACE_US;
    if (goesOn && isBehindOthers) return 'late';
    if (secondOf(us) >= openSecond) return 'in order';
    return !goesOn && us < newestUs - FAR_BEHIND_US ? 'set back' : 'late';
  }

  function observe(track: Track, row: FeatureRow): void {
    const second = secondOf(row.localUs);
    track.lastUs = row.localUs;
    newestUs = Math.max(newestUs, row.localUs);
    // The clock may go back by less than the grace: what was received last is the newest.
    while (secondOf(track.pending.at(-1)?.localUs ?? Number.NEGATIVE_INFINITY) >= second) track.pending.pop();
    track.pending.push(row);
  }

  /** The next second in which a row is judged or given without new data; Infinity for none. */
  function nextSecond(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const track of tracks) {
      const [first] = track.pending;
      if (first) next = Math.min(next, secondOf(first.localUs));
      for (const line of track.lines) next = Math.min(next, dueSecond(track, line));
    }
    return next;
  }

  /** Closes the seconds before `end`. Those in which nothing can happen are passed over: a step can be years. */
  function closeUntil(end: number, rows: SignalRow[]): void {
    if (openSecond >= end) return;
    for (let second = nextSecond(); second < end; second = nextSecond()) {
      for (const track of tracks) closeSecond(track, second, rows);
    }
    openSecond = end;
    tracks = tracks.filter((track) => track.lastSecond === null || !isDone(track));
  }

  function advance(rows: SignalRow[]): readonly SignalBatch[] {
    closeUntil(secondOf(newestUs - GRACE_US), rows);
    return rows.length === 0 ? [] : [{ rows }];
  }

  function ingest(batch: FeatureBatch): readonly SignalBatch[] {
    const rows: SignalRow[] = [];
    for (const row of batch.rows) {
      if (newestUs === Number.NEGATIVE_INFINITY) beginAt(row.localUs);
      const track = trackOf(batch.venue, row);
      const time = judgeTime(track, row.localUs);
      if (time === 'late') {
        counts.late_rows++;
        continue;
      }
      if (time === 'set back') {
        counts.clock_steps++;
        closeUntil(Number.POSITIVE_INFINITY, rows);
        beginAt(row.localUs);
      }
      observe(track, row);
    }
    return advance(rows);
  }

  /** A time before the newest is passed over: what a tick says must not depend on when it comes. */
  function tick(nowUs: number): readonly SignalBatch[] {
    if (newestUs === Number.NEGATIVE_INFINITY) beginAt(nowUs);
    newestUs = Math.max(newestUs, nowUs);
    return advance([]);
  }

  /**
   * What it has still to give is given in its time: in the order of seconds, venues and symbols, as if nothing had been
   * forgotten, whenever that was.
   */
  function forget(venue: string, symbol: string): void {
    const key = keyOf(venue, symbol);
    const track = byKey.get(key);
    if (track) track.lastSecond = Number.POSITIVE_INFINITY;
    byKey.delete(key);
  }

  return { name: 'sig_builder', ingest, tick, forget, counts: () => ({ ...counts }) };
}

function keyOf(venue: string, symbol: string): string {
  return JSON.stringify([venue, symbol]);
}

/** It has nothing more to judge or to give. */
function isDone({ pending, lines }: Track): boolean {
  return pending.length === 0 && lines.every(({ newest, written }) => newest === written);
}

/** Judges the row of that second, if there is one, and gives what is due. */
function closeSecond(track: Track, second: number, rows: SignalRow[]): void {
  const first = track.pending[0];
  const sample = first && secondOf(first.localUs) <= second ? track.pending.shift() : undefined;
  for (const line of track.lines) {
    if (sample) line.newest = judged(track, line, sample) ?? line.newest;
    if (line.newest === null || dueSecond(track, line) > second) continue;
    rows.push(line.newest);
    line.written = line.newest;
  }
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

/**
 * The second whose closing gives the line's newest row; Infinity when it was given. With a row of the second after
 * it, two rows could be more than `EVERY_US` apart. Of one that was forgotten and came again, before its new rows.
 */
function dueSecond({ lastSecond }: Track, { newest, written }: Line): number {
  if (newest === null || newest === written) return Number.POSITIVE_INFINITY;
  if (written === null || newest.direction !== written.direction) return Number.NEGATIVE_INFINITY;
  if (newest.timestampUs < written.timestampUs) return Number.NEGATIVE_INFINITY;
  const due = secondOf(written.timestampUs + EVERY_US) - 1;
  return lastSecond === null ? due : Math.min(due, lastSecond);
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
