/** The sinks of a virtual soak: as `runtime/sinks.ts` has them, on a disk that is waited for. */

import type { Settings } from '../../../config/schema.ts';
import type { Feed } from '../../core/event.ts';
import type { Clock } from '../../core/ports.ts';
import type { Failure } from '../../core/result.ts';
import { feedOfRawFile, HEADERS } from '../../flow/rows.ts';
import { createArchive } from '../../io/archive.ts';
import { stemOf } from '../../io/archive-name.ts';
import { replaceFile } from '../../io/atomic.ts';
import { readTail } from '../../io/csv-tail.ts';
import { type FileReport, pathUnder } from '../../io/file-ops.ts';
import { createLatest } from '../../io/latest.ts';
import { recoverRaw } from '../../io/raw-recovery.ts';
import { createSafeWriter } from '../../io/safe-writer.ts';
import { createCompressor } from '../../runtime/compressor.ts';
import { createPipeline, type Pipeline } from '../../runtime/pipeline.ts';
import { type Resumed, resumeFeed } from '../../runtime/resume.ts';
import type { Station } from '../../runtime/station.ts';
import type { WaitedDisk } from './disk.ts';

/** The small files for other programs are of no interest here: once a minute will do. */
const LATEST_MS = 60_000;

export interface SoakSinksPort {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly disk: WaitedDisk;
  /** `workers/compress`, compiled. */
  readonly compressUrl: URL;
  report(report: FileReport): void;
  onError(scope: string, failure: Failure): void;
  onNewFile(file: string): void;
}

export interface SoakSinks {
  readonly pipeline: Pipeline;
  resume(station: Station, feed: Feed, wasFilled: (symbol: string) => boolean): Promise<Resumed>;
  rows(): number;
  close(): Promise<void>;
}

export async function openSoakSinks(port: SoakSinksPort): Promise<SoakSinks> {
  const { settings, clock, report, onError, disk } = port;
  const { ops } = disk;
  const dataDir = settings.paths.data;
  const compressor = createCompressor(port.compressUrl);
  const archive = createArchive({ dataDir, clock, report, ops, compress: compressor.run });
  const writer = createSafeWriter({
    root: dataDir,
    ...{ clock, ops, report },
    flushMs: settings.writer.flush_ms,
    fsyncMs: settings.writer.fsync_ms,
    queueBytes: settings.writer.queue_mb * 1024 * 1024,
    maxFileBytes: settings.archive.max_file_mb * 1024 * 1024,
    seal: (file, day) => archive.take(file, day, 'rotation'),
    wantNewFile: port.onNewFile,
  });
  const left = await archive.recover();
  if (!left.ok) onError('raw/archive', left.error);
  await recoverRaw({
    ...{ dataDir, clock, ops, report },
    headerOf(name) {
      const feed = feedOfRawFile(name);
      return feed === null ? null : HEADERS[feed];
    },
    seal: (file, day) => archive.take(file, day, 'recovery'),
  });
  const replace = (path: string, content: string | Uint8Array) => disk.wait(replaceFile(path, content));
  const latest = createLatest({ root: dataDir, clock, replace, report, everyMs: LATEST_MS });
  const pipeline = createPipeline({ writer, latest, clock, onError, onSignals: () => undefined });

  const tail = async (file: string, count: number) => {
    const rows = await readTail(ops, pathUnder(dataDir, file), count);
    if (rows.length >= count) return rows;
    const older = await archive.newest(stemOf(file));
    return older === null ? rows : [...(await readTail(ops, older, count - rows.length)), ...rows];
  };

  return {
    pipeline,
    async resume({ venue, located }, feed, wasFilled) {
      await writer.flush();
      const waiting = (file: string) => [...writer.waiting(file), ...pipeline.waiting(file)];
      return resumeFeed(venue.id, feed, located, { tail, wasFilled, waiting, onError });
    },
    rows: () => writer.status().rows,
    async close() {
      // Past the builder's grace: what the last seconds gave is judged too.
      pipeline.tick(Number.POSITIVE_INFINITY);
      await pipeline.close();
      const closed = await writer.close();
      if (!closed.ok) onError('writer', closed.error);
      await latest.close();
      await archive.settled();
      await archive.close();
      await compressor.close();
    },
  };
}
