/**
 * The CSV sink: whole rows in, whole rows on disk. Rows wait in one bounded queue; every `flushMs` each file gets
 * what waits for it in one write, and is fsynced within `fsyncMs`. A failing file keeps its rows and is tried again
 * with a growing delay, while the others go on.
 */

import type { Clock } from '../core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import { runContract } from './csv-contract.ts';
import { createDescriptors } from './csv-descriptors.ts';
import {
  type CsvFile,
  closeFile,
  csvFile,
  hasRows,
  openFile,
  rowsLeft,
  syncRows,
  writeRows,
} from './csv-file.ts';
import { createFileErrors } from './file-errors.ts';
import { attempt, type FileOps, type FileReport, nodeFileOps, pathUnder } from './file-ops.ts';

export interface SafeWriterOptions {
  /** Every file lies under this folder. */
  readonly root: string;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
  readonly ops?: FileOps;
  /** Rows wait at most this long for their write. */
  readonly flushMs?: number;
  /** Written bytes wait at most this long for their fsync, as far as the disk keeps up. */
  readonly fsyncMs?: number;
  /** Bound of all that waits, in bytes. */
  readonly queueBytes?: number;
  readonly maxOpenFiles?: number;
}

export interface WriterStatus {
  /** Rows and bytes (headers not counted) handed to their files. */
  readonly rows: number;
  readonly bytes: number;
  /** Age of the oldest byte that is written and not fsynced. */
  readonly fsync_lag_ms: number;
  /** Bytes that wait for their write. */
  readonly queue_bytes: number;
  /** Values that could not be encoded. The writer is given encoded rows, so none arises here. */
  readonly quarantined: number;
  /** Rows that were given up: still not written when the writer closed. */
  readonly rows_lost: number;
  readonly open_files: number;
  readonly errors: number;
  /** Files whose last write or fsync failed. */
  readonly failing_files: number;
  readonly last_error: string | null;
}

export interface SafeWriter {
  /**
   * Queues whole rows (encoded, each with its `\n`) for a file (relative to the root, forward slashes) with this
   * header line (without `\n`). The bytes belong to the writer from here on. `done` is called once they were handed
   * to the file, or given up. False: the queue is full or closed, and nothing was queued. Throws on a bad file name,
   * on another header than before, and on bytes that do not end with a row.
   */
  append(file: string, header: string, bytes: Uint8Array, rows: number, done?: () => void): boolean;
  /** Everything appended so far is written and fsynced, or the failure says why not. */
  flush(): Promise<Result<void>>;
  /** Flushes and closes every file. Rows that cannot be written are given up, counted and reported. */
  close(): Promise<Result<void>>;
  /** The check at the start: awkward rows go through a writer like this one and are read back. */
  contract(): Promise<Result<string>>;
  status(): WriterStatus;
}

/** A file with the state of its turn. */
interface Lane extends CsvFile {
  /** Its write, its fsync or its closing is under way. */
  busy: boolean;
  failures: number;
  retryAtMs: number;
  /** Callers of flush(), told of the next run's outcome. */
  waiters: ((outcome: Failure | null) => void)[];
}

/** More would only wait in Node's own pool of four threads. */
const MAX_RUNS = 16;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
const NEWLINE = 10;

export function createSafeWriter(options: SafeWriterOptions): SafeWriter {
  const { root, clock, report, ops = nodeFileOps, queueBytes = 64 * 1024 * 1024 } = options;
  const { flushMs = 50, fsyncMs = 1_000, maxOpenFiles = 256 } = options;
  const context = { ops, clock, report };
  const maxRuns = Math.min(MAX_RUNS, maxOpenFiles);

  const lanes = new Map<string, Lane>();
  const descriptors = createDescriptors<Lane>(maxOpenFiles);
  /** Lanes whose turn it is, in order. */
  const ready = new Set<Lane>();
  let runs = 0;
  let closing: Promise<Result<void>> | null = null;
  let queued = 0;
  const totals = { rows: 0, bytes: 0, rowsLost: 0 };
  const errors = createFileErrors(report);

  const stopTimer = clock.every(flushMs, () => {
    const now = clock.monoMs();
    for (const lane of lanes.values()) {
      if (!lane.busy && now >= lane.retryAtMs && (hasRows(lane) || syncIsDue(lane, now))) ready.add(lane);
    }
    pump();
  });

  // Half of the bound is left for the fsyncs themselves: many files come due together.
  function syncIsDue(lane: Lane, now: number): boolean {
    return lane.dirtySinceMs !== null && now - lane.dirtySinceMs >= fsyncMs / 2;
  }

  function pump(): void {
    for (const lane of ready) {
      if (runs >= maxRuns) return;
      if (lane.busy) continue;
      ready.delete(lane);
      lane.busy = true;
      runs++;
      void run(lane).then(() => {
        runs--;
        lane.busy = false;
        pump();
      });
    }
  }

  async function run(lane: Lane): Promise<void> {
    const waiters = lane.waiters;
    lane.waiters = [];
    const outcome = await attempt(() => work(lane, waiters.length > 0));
    if (outcome.ok) succeeded(lane);
    else await failed(lane, outcome.error);
    for (const tell of waiters) tell(outcome.ok ? null : outcome.error);
  }

  async function work(lane: Lane, syncNow: boolean): Promise<void> {
    // First the rest of a write that failed, then what was queued meanwhile.
    if (lane.taken !== null) await deliver(lane);
    if (lane.queue.length > 0) await deliver(lane);
    if (lane.dirtySinceMs !== null && (syncNow || syncIsDue(lane, clock.monoMs()))) {
      await syncRows(lane, await descriptorOf(lane), ops);
    }
  }

  async function deliver(lane: Lane): Promise<void> {
    const written = await writeRows(lane, await descriptorOf(lane), context);
    for (const chunk of written) {
      totals.rows += chunk.rows;
      totals.bytes += chunk.bytes.length;
      queued -= chunk.bytes.length;
      chunk.done?.();
    }
  }

  async function descriptorOf(lane: Lane): Promise<number> {
    if (descriptors.touch(lane) && lane.fd !== null) return lane.fd;
    const idle = descriptors.reserve(lane);
    if (idle !== null) await release(idle);
    return openFile(lane, context);
  }

  /** Makes room for another descriptor; a file that needs nothing more is forgotten, so that memory stays flat. */
  async function release(lane: Lane): Promise<void> {
    lane.busy = true;
    const outcome = await attempt(async () => {
      if (lane.dirtySinceMs !== null && lane.fd !== null) await syncRows(lane, lane.fd, ops);
      await closeFile(lane, ops);
    });
    if (!outcome.ok) await failed(lane, outcome.error);
    lane.busy = false;
    if (outcome.ok && !hasRows(lane) && lane.waiters.length === 0) lanes.delete(lane.name);
  }

  function succeeded(lane: Lane): void {
    if (lane.failures > 0) {
      const message = `written again after ${lane.failures} failed tries`;
      report({ type: 'repair', scope: lane.name, reason: 'recovered', message });
    }
    errors.clear(lane.name);
    lane.failures = 0;
    lane.retryAtMs = 0;
  }

  async function failed(lane: Lane, error: Failure): Promise<void> {
    lane.failures++;
    const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(lane.failures - 1, 10));
    lane.retryAtMs = clock.monoMs() + delay;
    errors.note(lane.name, error);
    descriptors.drop(lane);
    const closed = await attempt(() => closeFile(lane, ops));
    if (!closed.ok) errors.note(lane.name, closed.error);
  }

  async function flush(): Promise<Result<void>> {
    const wanted = [...lanes.values()].filter(
      (lane) => lane.busy || hasRows(lane) || lane.dirtySinceMs !== null,
    );
    const outcomes = wanted.map(
      (lane) =>
        new Promise<Failure | null>((resolve) => {
          lane.waiters.push(resolve);
          ready.add(lane);
        }),
    );
    pump();
    const first = (await Promise.all(outcomes)).find((outcome) => outcome !== null);
    return first ? err(first) : ok(undefined);
  }

  async function closeAll(): Promise<Result<void>> {
    stopTimer();
    const flushed = await flush();
    let problem: Failure | null = flushed.ok ? null : flushed.error;
    for (const lane of lanes.values()) {
      giveUp(lane);
      const closed = await attempt(() => closeFile(lane, ops));
      if (closed.ok) continue;
      errors.note(lane.name, closed.error);
      problem ??= closed.error;
    }
    lanes.clear();
    descriptors.clear();
    return problem === null ? ok(undefined) : err(problem);
  }

  function giveUp(lane: Lane): void {
    const lost = [...(lane.taken?.chunks ?? []), ...lane.queue];
    if (lost.length === 0) return;
    const rows = rowsLeft(lane);
    totals.rows += lost.reduce((sum, chunk) => sum + chunk.rows, 0) - rows;
    totals.rowsLost += rows;
    errors.note(lane.name, failure('rows_lost', `${rows} rows given up at the stop: ${errors.last()}`));
    lane.taken = null;
    lane.queue = [];
    for (const chunk of lost) {
      queued -= chunk.bytes.length;
      chunk.done?.();
    }
  }

  function laneOf(name: string, header: string): Lane {
    const known = lanes.get(name);
    if (known) {
      if (known.header !== header) throw new RangeError(`${name} was begun with other columns`);
      return known;
    }
    const turn = { busy: false, failures: 0, retryAtMs: 0, waiters: [] };
    const lane: Lane = { ...csvFile(name, pathUnder(root, name), header), ...turn };
    lanes.set(name, lane);
    return lane;
  }

  return {
    append(name, header, bytes, rows, done) {
      if (bytes.length === 0 || bytes[bytes.length - 1] !== NEWLINE) throw new RangeError('not whole rows');
      const lane = laneOf(name, header);
      // An empty queue takes anything: a batch above the bound would otherwise never go.
      if (closing !== null || (queued > 0 && queued + bytes.length > queueBytes)) return false;
      queued += bytes.length;
      lane.queue.push({ bytes, rows, done });
      return true;
    },
    flush,
    close: () => (closing ??= closeAll()),
    contract() {
      return runContract(root, ops, async (file, header, bytes, rows) => {
        const writer = createSafeWriter({ ...options, report: () => undefined });
        writer.append(file, header, bytes, rows);
        return writer.close();
      });
    },
    status() {
      const now = clock.monoMs();
      let lag = 0;
      for (const { dirtySinceMs } of lanes.values()) {
        if (dirtySinceMs !== null) lag = Math.max(lag, now - dirtySinceMs);
      }
      return {
        rows: totals.rows,
        bytes: totals.bytes,
        fsync_lag_ms: lag,
        queue_bytes: queued,
        quarantined: 0,
        rows_lost: totals.rowsLost,
        open_files: descriptors.size(),
        errors: errors.count(),
        failing_files: errors.failing(),
        last_error: errors.last(),
      };
    },
  };
}
