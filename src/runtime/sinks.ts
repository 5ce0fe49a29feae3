/** Everything behind the thread boundary that makes batches safe: writer, latest, samples, and the pipeline between. */

import type { Settings } from '../../config/schema.ts';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import { type Failure, failure, ok, type Result } from '../core/result.ts';
import type { Located } from '../core/venue.ts';
import { replaceFile } from '../io/atomic.ts';
import { readTail } from '../io/csv-tail.ts';
import { type FileReport, nodeFileOps, pathUnder } from '../io/file-ops.ts';
import { createLatest, type Latest } from '../io/latest.ts';
import { createSafeWriter, type SafeWriter } from '../io/safe-writer.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import { createRejects, type Rejects } from './rejects.ts';
import { type Resumed, resumeFeed } from './resume.ts';

export interface SinksInput {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
  readonly onError: (scope: string, failure: Failure) => void;
  readonly onSignals: () => void;
  /** The rows of this live file are to go on in a new one. */
  readonly onNewFile: (file: string, reason: string) => void;
}

export interface Sinks {
  readonly writer: SafeWriter;
  readonly latest: Latest;
  readonly rejects: Rejects;
  readonly pipeline: Pipeline;
  /** What the files of a feed hold already, everything that waits written first. */
  resume(venue: string, feed: Feed, instruments: readonly Located[]): Promise<Result<Resumed>>;
  /** Everything upstream has ended. The failure says that rows were given up. */
  close(): Promise<Result<void>>;
}

/** Fails where the folder does not keep what is written into it. */
export async function openSinks(input: SinksInput): Promise<Result<Sinks>> {
  const { settings, clock, report, onError } = input;
  const dataDir = settings.paths.data;
  const writer = createSafeWriter({
    root: dataDir,
    clock,
    flushMs: settings.writer.flush_ms,
    fsyncMs: settings.writer.fsync_ms,
    queueBytes: settings.writer.queue_mb * 1024 * 1024,
    maxOpenFiles: Math.max(256, openFiles(settings)),
    wantNewFile: input.onNewFile,
    report,
  });
  const contract = await writer.contract();
  if (!contract.ok) return contract;
  const latest = createLatest({ root: dataDir, clock, replace: replaceFile, report });
  const rejects = createRejects({
    dataDir,
    clock,
    replace: replaceFile,
    onError: (message) => onError('debug/rejects', failure('rejects', message)),
  });
  const pipeline = createPipeline({ writer, latest, clock, onError, onSignals: input.onSignals });

  return ok({
    writer,
    latest,
    rejects,
    pipeline,
    async resume(venue, feed, instruments) {
      await writer.flush();
      return resumeFeed(venue, feed, instruments, {
        tail: (file, count) => readTail(nodeFileOps, pathUnder(dataDir, file), count),
      });
    },
    async close() {
      await pipeline.close();
      const closed = await writer.close();
      await latest.close();
      await rejects.flush();
      return closed;
    },
  });
}

/** The files that are written all the time, and some: to open them anew for each write would cost more than to keep. */
function openFiles(settings: Settings): number {
  const symbols = Object.values(settings.venues).reduce((sum, venue) => sum + venue.symbols.length, 0);
  return symbols * FEEDS.length + 64;
}
