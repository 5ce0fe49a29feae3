/**
 * `collector/coverage-{YYYYMMDD}.json` and `quality-{YYYYMMDD}.json` (DESIGN 6.4): what of a day was recorded, by symbol,
 * and its verdict. Made from the ledger's gaps and from when each symbol began, once a minute.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { COMPLETE, coverDay, LONG_GAP_SEC, verdictOf } from '../core/coverage.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import type { Failure, Result } from '../core/result.ts';
import { seconds, type UtcDay, utcDay } from '../core/time.ts';
import { parseJson } from '../io/json-lines.ts';
import { type Chain, keptLines, keyOf, type Line, lineOf, nested, worstOf } from './coverage-lines.ts';
import type { GapTimes } from './gap-times.ts';

const EVERY_MS = 60_000;
const FILLED_US = 7 * 3_600_000_000;
const DAY_US = 86_400_000_000;
const MINUTE_US = 60_000_000;
/** Days that are longer ago than this are not judged any more, and a run of then is none that goes on. */
const LOOKED_BACK = 31;

export interface CoveragePort {
  readonly dataDir: string;
  readonly clock: Clock;
  /** What is recorded now. */
  chains(): readonly Chain[];
  /** Gaps that ended before this time (µs UTC) are not asked for again. */
  forget(beforeUs: number): void;
  /** Of a symbol, those that touch a stretch of time. */
  gaps(chain: Chain, fromUs: number): readonly GapTimes[];
  readText(path: string): Promise<Result<string | null>>;
  replace(path: string, text: string): Promise<Result<void>>;
  onError(scope: string, failure: Failure): void;
}

export interface Coverage {
  /** A row was there at this time: the symbol is recorded from then on at the latest. */
  row(chain: Chain, localUs: number): void;
  /** Writes once more; resolves when it is on disk, or has failed. */
  stop(): Promise<void>;
}

/** A day that is over: its gaps can still be filled, or become known. */
interface PastDay {
  readonly day: UtcDay;
  /** Looked at until then, µs UTC. */
  readonly untilUs: number;
  /** What its files were made of; null: they are not written yet. */
  told: string | null;
}

/** What a file of an earlier run is read for. */
const byName = <T extends z.ZodType>(of: T) => z.record(z.string(), of);
const earlier = z.object({ since: byName(z.number()), feeds: byName(byName(byName(z.unknown()))) });

/** The chains of a file: those that had begun, and those that were recorded on its day. */
interface Remembered {
  readonly begun: readonly string[];
  readonly recorded: ReadonlySet<string>;
}

export async function startCoverage(port: CoveragePort): Promise<Coverage> {
  const { clock } = port;
  /** By chain: its first row that is known of. */
  const since = new Map<string, number>();
  /** What was recorded in the day at hand; and what was not, in the whole day before. */
  let recorded = new Set<string>();
  let unrecorded = new Set<string>();
  let day = utcDay(clock.wallUs());
  /** By name, the oldest first: after a kill the next start goes on from the newest that is there. */
  let past: readonly PastDay[] = [];
  /** What the files written last have. */
  let newest: { readonly name: string; readonly keys: readonly string[] } | null = null;
  let writing: Promise<void> = Promise.resolve();

  const path = (kind: 'coverage' | 'quality', { name }: UtcDay): string =>
    join(port.dataDir, 'collector', `${kind}-${name.replaceAll('-', '')}.json`);

  /** When each symbol began, as an earlier run has told. */
  const remember = async (of: UtcDay): Promise<Remembered | null> => {
    const known = await port.readText(path('coverage', of));
    if (!known.ok) port.onError('collector/coverage', known.error);
    if (!known.ok || known.value === null) return null;
    const read = earlier.safeParse(parseJson(known.value));
    if (!read.success) return { begun: [], recorded: new Set() };
    for (const [key, ts] of Object.entries(read.data.since))
      since.set(key, Math.min(since.get(key) ?? Number.POSITIVE_INFINITY, Math.round(ts * 1e6)));
    const recorded = Object.entries(read.data.feeds).flatMap(([venue, feeds]) =>
      Object.entries(feeds).flatMap(([feed, symbols]) =>
        Object.keys(symbols).map((symbol) => `${venue}.${feed}.${symbol}`),
      ),
    );
    return { begun: Object.keys(read.data.since), recorded: new Set(recorded) };
  };

  const row = (chain: Chain, localUs: number): void => {
    const key = keyOf(chain);
    const before = since.get(key);
    if (before === undefined || localUs < before) since.set(key, localUs);
  };

  /**
   * A day has ended. What is not recorded any more stands in the files of the day that it left, and of the next, which
   * both can be written yet, also after it came back; beyond that it would stand in those of every day to come.
   */
  const forget = (): void => {
    const left = new Set([...since.keys()].filter((key) => !recorded.has(key)));
    for (const key of left) if (unrecorded.has(key)) since.delete(key);
    unrecorded = left;
    recorded = new Set();
  };

  /** What is known of a day's chains, before anything is counted. */
  const knownOf = (of: UtcDay): readonly Known[] =>
    port.chains().flatMap((chain) => {
      const sinceUs = since.get(keyOf(chain));
      if (sinceUs === undefined || sinceUs >= of.endUs) return [];
      return [
        { chain, sinceUs, gaps: port.gaps(chain, of.startUs).filter(({ fromUs }) => fromUs < of.endUs) },
      ];
    });

  /** The lines of what was recorded on that day and is not now: no run takes away what one before told. Null: unknown. */
  const kept = async (
    of: UtcDay,
    known: readonly Known[],
    nowUs: number,
  ): Promise<readonly Line[] | null> => {
    const own = new Set(known.map(({ chain }) => keyOf(chain)));
    if (newest?.name === of.name && newest.keys.every((key) => own.has(key))) return [];
    const texts = { coverage: '', quality: '' };
    for (const kind of ['coverage', 'quality'] as const) {
      const text = await port.readText(path(kind, of));
      if (!text.ok) {
        port.onError(`collector/${kind}`, text.error);
        return null;
      }
      texts[kind] = text.value ?? '';
    }
    const minutesBegun = Math.ceil((Math.min(nowUs, of.endUs) - of.startUs) / MINUTE_US);
    return keptLines(texts, (chain) => !own.has(keyOf(chain)), minutesBegun, nowUs >= of.endUs);
  };

  /** Whether both files are on disk. */
  const write = async (of: UtcDay, known: readonly Known[]): Promise<boolean> => {
    const nowUs = clock.wallUs();
    const isOver = nowUs >= of.endUs;
    const stretch = { fromUs: of.startUs, toUs: of.endUs };
    const own = known.map(({ chain, sinceUs, gaps }) => {
      const times = gaps.map((gap) => ({ ...gap, toUs: gap.toUs ?? nowUs }));
      const coverage = coverDay(stretch, nowUs, { fromUs: sinceUs, toUs: of.endUs }, times);
      return lineOf(chain, coverage, verdictOf(coverage, isOver), gaps);
    });
    const others = await kept(of, known, nowUs);
    // They are not written over; the next minute tries again.
    if (others === null) return false;
    const lines = [...own, ...others];
    const head = { schema_version: 1, ts: seconds(nowUs), day: of.name };
    const files = {
      coverage: {
        ...head,
        cells: { d: 'data', p: 'partial', g: 'gap', c: 'closed' },
        since: Object.fromEntries([...since].map(([key, us]) => [key, seconds(us)])),
        feeds: nested(lines, ({ coverage }) => coverage),
      },
      quality: {
        ...head,
        rule: { completeness: COMPLETE, longest_gap_sec: LONG_GAP_SEC },
        verdict: worstOf(lines),
        feeds: nested(lines, ({ quality }) => quality),
      },
    };
    let isWritten = true;
    for (const kind of ['coverage', 'quality'] as const) {
      const written = await port.replace(path(kind, of), `${JSON.stringify(files[kind])}\n`);
      if (written.ok) continue;
      port.onError(`collector/${kind}`, written.error);
      isWritten = false;
    }
    if (isWritten) newest = { name: of.name, keys: lines.map(({ chain }) => keyOf(chain)) };
    return isWritten;
  };

  /** A day that we recorded, or were to record, is over. */
  const end = (over: UtcDay, untilUs: number): void => {
    past = [...past.filter((one) => one.day.name !== over.name), { day: over, untilUs, told: null }];
  };

  const writePast = async (): Promise<void> => {
    const nowUs = clock.wallUs();
    const oldestUs = day.startUs - LOOKED_BACK * DAY_US;
    past = past.filter((one) => one.day.startUs >= oldestUs && (one.told === null || nowUs < one.untilUs));
    for (const one of past) {
      if (one.day.endUs > nowUs) continue;
      const known = knownOf(one.day);
      const told = JSON.stringify(known);
      if (told !== one.told && (await write(one.day, known))) one.told = told;
    }
  };

  const tick = (): void => {
    writing = writing.then(async () => {
      const today = utcDay(clock.wallUs());
      const isNewDay = today.startUs > day.startUs;
      // Of days that a step of the clock passed over nothing is known.
      if (isNewDay) end(day, today.startUs + FILLED_US);
      day = today;
      for (const chain of port.chains()) recorded.add(keyOf(chain));
      if (isNewDay) forget();
      // Before the threads are there nothing is known.
      if (port.chains().length > 0) {
        await writePast();
        await write(today, knownOf(today));
      }
      port.forget(Math.min(today.startUs - DAY_US, ...past.map((one) => one.day.startUs)));
    });
  };

  // Over days on which we did not run a symbol was to be recorded all the same.
  let before: Remembered | null = null;
  for (let back = 1; before === null && back <= LOOKED_BACK; back++) {
    before = await remember(utcDay(day.startUs - back * DAY_US));
    for (let days = back; before !== null && days > 0; days--)
      end(utcDay(day.startUs - days * DAY_US), clock.wallUs() + FILLED_US);
  }
  const now = await remember(day);
  // As `forget` does, of days that ended between two runs.
  for (const key of before?.begun ?? [])
    if (!before?.recorded.has(key) && !now?.recorded.has(key)) since.delete(key);
  const cancel: Cancel = clock.every(EVERY_MS, tick);
  return {
    row,
    stop() {
      cancel();
      tick();
      return writing;
    },
  };
}

interface Known {
  readonly chain: Chain;
  readonly sinceUs: number;
  readonly gaps: readonly GapTimes[];
}
