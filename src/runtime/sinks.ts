/** Everything behind the thread boundary that makes batches safe: writer, archive, latest, samples, the disk itself. */

import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import { type Failure, failure, ok, type Result } from '../core/result.ts';
import type { Located } from '../core/venue.ts';
import { feedOfRawFile, HEADERS } from '../flow/rows.ts';
import { type Archive, createArchive } from '../io/archive.ts';
import { stemOf } from '../io/archive-name.ts';
import { replaceFile } from '../io/atomic.ts';
import { readTail } from '../io/csv-tail.ts';
import { diskFreeBytes } from '../io/disk.ts';
import { type FileReport, nodeFileOps, pathUnder } from '../io/file-ops.ts';
import { createLatest, type Latest } from '../io/latest.ts';
import { createQuarantine, type Quarantine } from '../io/quarantine.ts';
import { recoverRaw } from '../io/raw-recovery.ts';
import { createReserve } from '../io/reserve.ts';
import { applyRetention } from '../io/retention.ts';
import { createSafeWriter, type SafeWriter } from '../io/safe-writer.ts';
import { createCompressor } from './compressor.ts';
import { type Disk, watchDisk } from './disk.ts';
import { createDiskGuard } from './disk-guard.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import type { Fact } from './protocol.ts';
import { createRejects, type Rejects } from './rejects.ts';
import { type Resumed, resumeFeed } from './resume.ts';

const MB = 1024 * 1024;

export interface SinksInput {
  /** As they are now: some of them are taken over while it runs. */
  settings(): Settings;
  readonly clock: Clock;
  /** `workers/compress`, compiled. */
  readonly compressUrl: URL;
  report(report: FileReport): void;
  note(fact: Fact): void;
  onError(scope: string, failure: Failure): void;
  onSignals(): void;
  /** The disk is full and nothing may be written (true), or there is room again. */
  onHold(holding: boolean): void;
  /** The rows of this live file are to go on in a new one. */
  onNewFile(file: string, reason: string): void;
}

export interface Sinks {
  readonly writer: SafeWriter;
  readonly archive: Archive;
  readonly latest: Latest;
  readonly rejects: Rejects;
  readonly quarantine: Quarantine;
  readonly pipeline: Pipeline;
  readonly disk: Disk;
  /** Something could not be written: a full disk gives up its reserve. True when that made room. */
  failed(code: string): Promise<boolean>;
  /** The disk is full: nothing may be written. */
  isHeld(): boolean;
  /** What the files of a feed hold already, everything that waits written first. */
  resume(
    venue: string,
    feed: Feed,
    instruments: readonly Located[],
    wasFilled: (symbol: string) => boolean,
  ): Promise<Resumed>;
  /** These symbols of a feed are not recorded any more, and their last batch was ingested. */
  dropped(venue: string, feed: Feed, symbols: readonly string[]): Promise<void>;
  /** Everything upstream has ended. The failure says that rows were given up. */
  close(): Promise<Result<void>>;
}

/** Mends what an earlier run left. Fails where the folder does not keep what is written into it. */
export async function openSinks(input: SinksInput): Promise<Result<Sinks>> {
  const { clock, onError } = input;
  const settings = input.settings();
  const dataDir = settings.paths.data;
  const report = (one: FileReport): void => {
    input.report(one);
    if (one.type === 'error') void guard.failed(one.reason);
  };

  const reservePath = join(dataDir, 'runtime', 'reserve.bin');
  const reserveBytes = settings.writer.reserve_mb * MB;
  const guard = createDiskGuard({
    clock,
    reserve: createReserve({
      path: reservePath,
      bytes: reserveBytes,
      ops: nodeFileOps,
      report: input.report,
    }),
    onError: (error) => onError('disk', error),
    onHold: input.onHold,
  });
  if (reserveBytes > 0) await guard.prepare();

  const compressor = createCompressor(input.compressUrl);
  const archive = createArchive({ dataDir, clock, report, compress: compressor.run });
  const writer = createSafeWriter({
    root: dataDir,
    clock,
    flushMs: settings.writer.flush_ms,
    fsyncMs: settings.writer.fsync_ms,
    queueBytes: settings.writer.queue_mb * MB,
    maxOpenFiles: Math.max(256, openFiles(settings)),
    get maxFileBytes() {
      return input.settings().archive.max_file_mb * MB;
    },
    seal: (file, day) => archive.take(file, day, 'rotation'),
    wantNewFile: input.onNewFile,
    mayWrite: guard.mayWrite,
    onFailure: (code) => void guard.failed(code),
    report,
  });
  const contract = await writer.contract();
  if (!contract.ok) return contract;

  const left = await archive.recover();
  if (!left.ok) onError('raw/archive', left.error);
  await recoverRaw({
    dataDir,
    clock,
    ops: nodeFileOps,
    report,
    headerOf(name) {
      const feed = feedOfRawFile(name);
      return feed === null ? null : HEADERS[feed];
    },
    seal: (file, day) => archive.take(file, day, 'recovery'),
  });

  const latest = createLatest({ root: dataDir, clock, replace: replaceFile, report });
  const rejects = createRejects({
    dataDir,
    clock,
    replace: replaceFile,
    onError: (message) => onError('debug/rejects', failure('rejects', message)),
  });
  const quarantine = createQuarantine({ dataDir, clock, report });
  const pipeline = createPipeline({ writer, latest, clock, onError, onSignals: input.onSignals });
  const disk = watchDisk({
    clock,
    guard,
    freeBytes: () => diskFreeBytes(dataDir),
    async retain() {
      const { max_age_days, min_free_mb } = input.settings().retention;
      const outcome = await applyRetention({
        dataDir,
        nowUs: clock.wallUs(),
        maxAgeDays: max_age_days,
        minFreeBytes: min_free_mb === null ? null : min_free_mb * MB,
        freeBytes: () => diskFreeBytes(dataDir),
        report,
        ops: nodeFileOps,
      });
      for (const one of outcome.removed)
        input.note({ type: 'retention', scope: 'collector', file: one.file, reason: one.reason });
      for (const error of outcome.failures) onError('retention', error);
    },
    onError: (error) => onError('disk', error),
  });

  return ok({
    writer,
    archive,
    latest,
    rejects,
    quarantine,
    pipeline,
    disk,
    failed: guard.failed,
    isHeld: () => !guard.mayWrite(),
    async resume(venue, feed, instruments, wasFilled) {
      await writer.flush();
      return resumeFeed(venue, feed, instruments, {
        tail: (file, count) => tailOf(dataDir, archive, file, count),
        wasFilled,
        waiting: (file) => [...writer.waiting(file), ...pipeline.waiting(file)],
        onError: (file, error) => onError(file, error),
      });
    },
    async dropped(venue, feed, symbols) {
      for (const file of pipeline.dropped(venue, feed, symbols)) await writer.leave(file);
    },
    async close() {
      await pipeline.close();
      const closed = await writer.close();
      await latest.close();
      await rejects.flush();
      await quarantine.settled();
      await archive.close();
      await compressor.close();
      await disk.stop();
      return closed;
    },
  });
}

/** Of the live file and, where it has fewer rows, of its newest archive before it. */
async function tailOf(dataDir: string, archive: Archive, file: string, count: number) {
  const rows = await readTail(nodeFileOps, pathUnder(dataDir, file), count);
  if (rows.length >= count) return rows;
  const older = await archive.newest(stemOf(file));
  return older === null ? rows : [...(await readTail(nodeFileOps, older, count - rows.length)), ...rows];
}

/** The files that are written all the time, and some: to open them anew for each write would cost more than to keep. */
function openFiles(settings: Settings): number {
  const symbols = Object.values(settings.venues).reduce((sum, venue) => sum + venue.symbols.length, 0);
  return symbols * FEEDS.length + 64;
}
