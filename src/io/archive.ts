/**
 * The archive of closed files: they are taken over (`archive-take.ts`) and sealed one after the other
 * (`archive-seal.ts`). What a kill left at any step is found in the folders at the next start and sealed then.
 */

import type { Cancel, Clock } from '../core/ports.ts';
import { failure, ok, type Result } from '../core/result.ts';
import { ARCHIVE_FOLDER, archiveName, isDay, parseArchiveName } from './archive-name.ts';
import { type ClosedFile, type Compress, knownEntries, sealFile } from './archive-seal.ts';
import { createTake, type Take } from './archive-take.ts';
import { removeStaleTemps } from './atomic.ts';
import { createFileErrors } from './file-errors.ts';
import {
  attempt,
  coded,
  type FileOps,
  type FileReport,
  ifThere,
  nodeFileOps,
  pathUnder,
} from './file-ops.ts';
import type { ManifestEntry } from './manifest.ts';

export interface ArchiveOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
  readonly compress: Compress;
  readonly ops?: FileOps;
}

export interface ArchiveStatus {
  /** Closed files that are not sealed yet. */
  readonly waiting: number;
  /** Since the start; `recovered` are those of them that an earlier process had left. */
  readonly sealed: number;
  readonly recovered: number;
  readonly errors: number;
  readonly last_error: string | null;
  /** Of the file that has waited longest, since this start; 0 when none waits. */
  readonly oldest_waiting_sec: number;
}

export interface Archive {
  /**
   * Takes over a live file (`raw/<stem>.csv`, whole rows, closed and fsynced by the caller) for a day
   * (`2026-11-21`). When it resolves, durably, the live name is free; the sealing goes on by itself. A file without
   * rows is removed. Rejects with the system's error, and can then be called again for the file, whatever was done
   * by then. One call for a file at a time.
   */
  readonly take: Take;
  /**
   * At the start, before the first `take`, for the holder of the lock: finds what an earlier process left and lines
   * it up for sealing.
   */
  recover(): Promise<Result<{ readonly found: number }>>;
  /** Resolves when every file is sealed or waits for another try after a failure. */
  settled(): Promise<void>;
  /**
   * Begins no more sealing; the file that is being sealed gets a few seconds. What is left, and what is still taken
   * over afterwards, is sealed after the next start.
   */
  close(): Promise<void>;
  /**
   * Absolute path of a stem's newest file in the archive, by day, then number: `.csv` (which may be sealed and gone
   * by the time it is opened) or `.csv.gz`. Rejects with the system's error.
   */
  newest(stem: string): Promise<string | null>;
  status(): ArchiveStatus;
}

interface Job extends ClosedFile {
  readonly isRecovered: boolean;
  readonly sinceMs: number;
  known: ManifestEntry | null;
  tries: number;
  retryAtMs: number;
}

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 300_000;
/** A large file takes longer: it is given up, and done at the next start. */
const CLOSE_MS = 3_000;

export function createArchive(options: ArchiveOptions): Archive {
  const { dataDir, clock, report, compress, ops = nodeFileOps } = options;
  const errors = createFileErrors(report);
  /** In the order of their arrival. */
  const jobs = new Map<string, Job>();
  const totals = { sealed: 0, recovered: 0 };
  const stop = new AbortController();
  let running: Promise<void> | null = null;
  let isRecovering = false;
  let isClosed = false;
  let cancelRetry: Cancel = () => undefined;
  const idle: (() => void)[] = [];

  const enqueue = (job: Pick<Job, 'file' | 'by' | 'isRecovered' | 'known'>): void => {
    jobs.set(job.file, { ...job, sinceMs: clock.monoMs(), tries: 0, retryAtMs: 0 });
  };

  function pump(): void {
    if (running !== null || isRecovering) return;
    cancelRetry();
    const waiting = isClosed ? [] : [...jobs.values()];
    const job = waiting.find((each) => each.retryAtMs <= clock.monoMs());
    if (job !== undefined) {
      running = run(job).then(() => {
        running = null;
        pump();
      });
      return;
    }
    if (waiting.length > 0) {
      const dueMs = Math.min(...waiting.map((each) => each.retryAtMs));
      cancelRetry = clock.after(dueMs - clock.monoMs(), pump);
    }
    for (const tell of idle.splice(0)) tell();
  }

  async function run(job: Job): Promise<void> {
    const outcome = await attempt(async () => {
      // A try that failed may have got as far as the manifest.
      if (job.tries > 0) job.known = (await known([job.file], job.file)).get(job.file) ?? null;
      return sealFile(job, { dataDir, clock, ops, report, compress, signal: stop.signal });
    });
    if (outcome.ok) return sealed(job, outcome.value);
    // Given up at the stop, which is no failure.
    if (stop.signal.aborted) return;
    errors.note(job.file, outcome.error);
    job.retryAtMs = clock.monoMs() + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(job.tries, 20));
    job.tries += 1;
  }

  function sealed(job: Job, isKept: boolean): void {
    jobs.delete(job.file);
    errors.clear(job.file);
    if (job.tries > 0) {
      const message = `sealed after ${job.tries} failed tries`;
      report({ type: 'repair', scope: job.file, reason: 'recovered', message });
    }
    if (!isKept) return;
    totals.sealed += 1;
    if (job.isRecovered) totals.recovered += 1;
  }

  async function known(files: readonly string[], about = ''): Promise<ReadonlyMap<string, ManifestEntry>> {
    if (files.length === 0) return new Map();
    const { entries, bad, firstBad } = await knownEntries(dataDir, files, ops, about);
    const message = `${bad} lines are no entries and were left out, the first is line ${firstBad}`;
    if (bad > 0) errors.note(`${ARCHIVE_FOLDER}/manifest.jsonl`, failure('bad_line', message));
    return entries;
  }

  const folderOf = (day: string): string => pathUnder(dataDir, `${ARCHIVE_FOLDER}/${day}`);

  async function days(): Promise<readonly string[]> {
    const names = await ifThere(ops.list(pathUnder(dataDir, ARCHIVE_FOLDER)));
    return (names ?? []).filter(isDay).sort();
  }

  async function lineUpWhatIsLeft(): Promise<number> {
    const left: string[] = [];
    for (const day of await days()) {
      const cleaned = await removeStaleTemps(folderOf(day), ops);
      if (!cleaned.ok) throw coded(cleaned.error.code, cleaned.error.message);
      for (const name of [...(await ops.list(folderOf(day)))].sort()) {
        const file = `${ARCHIVE_FOLDER}/${day}/${name}`;
        if (parseArchiveName(name)?.isGzip === false && !jobs.has(file)) left.push(file);
      }
    }
    const entries = await known(left);
    for (const file of left) {
      enqueue({ file, by: 'recovery', isRecovered: true, known: entries.get(file) ?? null });
    }
    return left.length;
  }

  return {
    take: createTake(dataDir, ops, (file, by) => {
      enqueue({ file, by, isRecovered: false, known: null });
      pump();
    }),
    async recover() {
      isRecovering = true;
      await running;
      const found = await attempt(lineUpWhatIsLeft);
      isRecovering = false;
      pump();
      return found.ok ? ok({ found: found.value }) : found;
    },
    settled() {
      return new Promise((resolve) => {
        idle.push(resolve);
        pump();
      });
    },
    async close() {
      isClosed = true;
      cancelRetry();
      const late = clock.after(CLOSE_MS, () => stop.abort());
      await running;
      late();
    },
    async newest(stem) {
      for (const day of [...(await days())].reverse()) {
        const numbers = (await ops.list(folderOf(day)))
          .flatMap((name) => parseArchiveName(name) ?? [])
          .filter((parsed) => parsed.stem === stem);
        const last = numbers.reduce(
          (best, each) =>
            each.number > best.number || (each.number === best.number && !each.isGzip) ? each : best,
          { stem, number: 0, isGzip: true },
        );
        if (last.number === 0) continue;
        const plain = `${ARCHIVE_FOLDER}/${day}/${archiveName(stem, last.number)}`;
        return pathUnder(dataDir, last.isGzip ? `${plain}.gz` : plain);
      }
      return null;
    },
    status() {
      const now = clock.monoMs();
      const oldestMs = Math.max(0, ...[...jobs.values()].map((job) => now - job.sinceMs));
      return {
        waiting: jobs.size,
        sealed: totals.sealed,
        recovered: totals.recovered,
        errors: errors.count(),
        last_error: errors.last(),
        oldest_waiting_sec: oldestMs / 1_000,
      };
    },
  };
}
