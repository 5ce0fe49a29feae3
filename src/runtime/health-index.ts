/** `debug/health/index.json`: each file that is being written, its size and age, and how what it holds is judged. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { fileSymbol } from '../core/symbol.ts';
import { dayOf, seconds } from '../core/time.ts';
import { rawFile } from '../flow/rows.ts';
import { replaceFile } from '../io/atomic.ts';
import { type FileStat, fileStats } from '../io/file-stats.ts';
import { type Level, worst } from './level.ts';
import type { StatusObject } from './status.ts';

const EVERY_MS = 5_000;
/** More files are looked at less often: 900 of them every 15 s. */
const EACH_MS = 15_000 / 900;
/** A status file that is older than this is not being written. */
const STATUS_LATE_SEC = 15;

export interface HealthIndexInput {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Null before the first. */
  status(): StatusObject | null;
  onError(scope: string, failure: Failure): void;
}

export interface HealthIndex {
  /** Resolves when nothing is being written any more. */
  stop(): Promise<void>;
}

export interface IndexLine {
  /** Relative to the data directory. */
  readonly filename: string;
  readonly size_kb: number | null;
  readonly age_sec: number | null;
  readonly status: Level | 'MISSING';
}

/** A file, and the level of what it holds; null: it is judged by its age. */
interface Judgement {
  readonly file: string;
  readonly level: Level | null;
}

export function startHealthIndex({ dataDir, clock, status, onError }: HealthIndexInput): HealthIndex {
  const path = join(dataDir, 'debug', 'health', 'index.json');
  let writing: Promise<void> = Promise.resolve();
  let stopped = false;

  const round = async (): Promise<number> => {
    const now = status();
    if (now === null) return EVERY_MS;
    const files = judgedFiles(now);
    const stats = await fileStats(
      dataDir,
      files.map(({ file }) => file),
    );
    const wallUs = clock.wallUs();
    const lines = files.map((one, at) => lineOf(one, stats[at] ?? null, wallUs / 1000));
    const text = `${JSON.stringify({ ts: seconds(wallUs), files: lines })}\n`;
    const written = await replaceFile(path, text);
    if (!written.ok) onError('debug/health/index.json', written.error);
    return Math.max(EVERY_MS, files.length * EACH_MS);
  };

  const run = (): void => {
    writing = round().then((waitMs) => {
      if (!stopped) cancel = clock.after(waitMs, run);
    });
  };

  let cancel = clock.after(EVERY_MS, run);
  return {
    stop() {
      stopped = true;
      cancel();
      return writing;
    },
  };
}

/** What is written now: a raw file of each symbol, what is newest, the signals of today, and what we say of ourselves. */
export function judgedFiles({ ts, workers }: StatusObject): readonly Judgement[] {
  const day = dayOf(ts * 1e6);
  /** Of what signals are made of: quotes. */
  const pairs = new Map<string, Level>();
  const files: Judgement[] = [];
  for (const { venue, feed, level, symbols } of workers) {
    for (const [symbol, one] of Object.entries(symbols)) {
      files.push({ file: rawFile(venue, feed, symbol), level: one.level });
      if (feed !== 'trades') pairs.set(symbol, worst([one.level, pairs.get(symbol) ?? 'OK']));
    }
    files.push({ file: `latest/${feed}-${venue}.csv`, level });
    if (feed === 'orderbook') files.push({ file: `latest/book-${venue}.json`, level });
  }
  if (pairs.size > 0) {
    const level = worst([...pairs.values()]);
    for (const name of ['features', 'signal-latest']) files.push({ file: `latest/${name}.csv`, level });
  }
  for (const [pair, level] of pairs)
    files.push({ file: `signals/signal-${fileSymbol(pair)}-${day}.csv`, level });
  for (const name of ['status', 'rate_stats']) files.push({ file: `collector/${name}.json`, level: null });
  return files;
}

function lineOf({ file, level }: Judgement, found: FileStat | null, nowMs: number): IndexLine {
  if (found === null) return { filename: file, size_kb: null, age_sec: null, status: 'MISSING' };
  const ageSec = Math.max(0, Math.round(nowMs - found.writtenMs) / 1000);
  return {
    filename: file,
    size_kb: Math.round(found.bytes / 102.4) / 10,
    age_sec: ageSec,
    status: level ?? (ageSec > STATUS_LATE_SEC ? 'CRIT' : 'OK'),
  };
}
