/**
 * The CSV sink: whole rows in, whole rows on disk. Rows wait in one bounded queue; every `flushMs` each file gets
 * what waits for it in one write, and is fsynced within `fsyncMs`. A failing file keeps its rows and is tried again
 * with a growing delay, while the others go on.
 */

import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import { runContract } from './csv-contract.ts';
import { createDescriptors } from './csv-descriptors.ts';
import {
  beginAnew,
  closeFile,
  hasRows,
  isTurn,
  openFile,
  rowsIn,
  rowsLeft,
  rowsWaiting,
  stayOpen,
  syncRows,
  writeRows,
} from './csv-file.ts';
import { createLane, type Lane, putOff, syncIsDue } from './csv-lane.ts';
import { createTurns } from './csv-turns.ts';
import { createFileErrors } from './file-errors.ts';
import { attempt, coded, nodeFileOps, pathUnder } from './file-ops.ts';
import type { SafeWriter, SafeWriterOptions } from './writer-port.ts';

export type { Append, SafeWriter, SafeWriterOptions, WriterStatus } from './writer-port.ts';

/** More would only wait in Node's own pool of four threads. */
const MAX_RUNS = 16;
/** A new file that did not come is asked for again: its fetcher may have died. */
const WANT_AGAIN_MS = 60_000;
/** Tries to take a closed file away before its rows go on in it. */
const CLOSING_TRIES = 3;
const NEWLINE = 10;

export function createSafeWriter(options: SafeWriterOptions): SafeWriter {
  const { root, clock, report, ops = nodeFileOps, queueBytes = 64 * 1024 * 1024 } = options;
  const { flushMs = 50, fsyncMs = 1_000, maxOpenFiles = 256 } = options;
  const { seal, wantNewFile, mayWrite = () => true } = options;
  const context = { ops, clock, report };

  const lanes = new Map<string, Lane>();
  const descriptors = createDescriptors<Lane>(maxOpenFiles);
  const turns = createTurns<Lane>(Math.min(MAX_RUNS, maxOpenFiles), run);
  let closing: Promise<Result<void>> | null = null;
  let queued = 0;
  const totals = { rows: 0, bytes: 0, rowsLost: 0 };
  const errors = createFileErrors(report);

  const stopTimer = clock.every(flushMs, () => {
    const now = clock.monoMs();
    const writes = mayWrite();
    for (const lane of lanes.values()) {
      const isDue = (writes && hasRows(lane)) || syncIsDue(lane, now, fsyncMs);
      if (!lane.busy && now >= lane.retryAtMs && isDue) turns.ask(lane);
    }
    turns.pump();
  });

  async function run(lane: Lane): Promise<void> {
    const waiters = lane.waiters;
    lane.waiters = [];
    const outcome = await attempt(() => work(lane, waiters.length > 0));
    if (!outcome.ok) await failed(lane, outcome.error);
    else if (outcome.value) succeeded(lane);
    for (const tell of waiters) tell(outcome.ok ? null : outcome.error);
  }

  /** False: rows still wait for a disk that is full. */
  async function work(lane: Lane, syncNow: boolean): Promise<boolean> {
    // While the disk is full nothing may grow; what is written can still be made safe.
    const writes = mayWrite();
    // First the rest of a write that failed, then what was queued meanwhile, each file's rows together.
    while (writes && (hasRows(lane) || lane.distrusted)) {
      if (lane.closing !== null) await takeAway(lane, lane.closing);
      const wasDistrusted = lane.distrusted;
      const fd = await descriptorOf(lane);
      if (wasDistrusted) await mend(lane, fd);
      else if (seal !== undefined && isTurn(lane)) await closeForGood(lane);
      else await deliver(lane);
    }
    if (
      lane.dirtySinceMs !== null &&
      !lane.distrusted &&
      (syncNow || syncIsDue(lane, clock.monoMs(), fsyncMs))
    ) {
      await syncRows(lane, await descriptorOf(lane), ops);
    }
    if (writes || !hasRows(lane)) return true;
    if (syncNow) throw coded('disk_full', 'the disk is full: rows wait');
    return false;
  }

  /** What a failed fsync may have lost is on disk before anything more is taken: it must not grow from try to try. */
  async function mend(lane: Lane, fd: number): Promise<void> {
    want(lane, 'distrusted');
    if (lane.taken !== null) await deliver(lane);
    if (lane.dirtySinceMs !== null) await syncRows(lane, fd, ops);
  }

  async function deliver(lane: Lane): Promise<void> {
    const written = await writeRows(lane, await descriptorOf(lane), context);
    for (const chunk of written) {
      totals.rows += chunk.rows;
      totals.bytes += chunk.bytes.length;
      queued -= chunk.bytes.length;
      chunk.done?.(true);
    }
    if (lane.wanted !== null) want(lane, lane.wanted.reason);
    else if (lane.position >= (options.maxFileBytes ?? Number.POSITIVE_INFINITY)) want(lane, 'size');
  }

  /** Its rows are on disk, its name becomes free. */
  async function closeForGood(lane: Lane): Promise<void> {
    if (lane.dirtySinceMs !== null) await syncRows(lane, await descriptorOf(lane), ops);
    const day = lane.day ?? lane.queue[0]?.day ?? '';
    descriptors.drop(lane);
    await closeFile(lane, ops);
    lane.closing = { day, tries: 0 };
    await takeAway(lane, lane.closing);
  }

  /** Asked again as long as it fails once; then the rows go on in the file that is there: nothing is lost for a name. */
  async function takeAway(lane: Lane, job: NonNullable<Lane['closing']>): Promise<void> {
    const taken = await attempt(async () => seal?.(lane.name, job.day));
    if (taken.ok) {
      lane.closing = null;
      lane.wanted = null;
      return beginAnew(lane);
    }
    job.tries++;
    if (job.tries < CLOSING_TRIES) throw coded(taken.error.code, taken.error.message);
    const message = `not closed for ${job.day}, its rows go on: ${taken.error.message}`;
    report({ type: 'error', scope: lane.name, reason: 'not_closed', message });
    lane.closing = null;
    lane.wanted = null;
    await descriptorOf(lane);
    stayOpen(lane);
  }

  function want(lane: Lane, reason: 'size' | 'distrusted'): void {
    const now = clock.monoMs();
    if (lane.wanted !== null && now - lane.wanted.atMs < WANT_AGAIN_MS) return;
    lane.wanted = { reason, atMs: now };
    wantNewFile?.(lane.name, reason);
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
    putOff(lane, clock.monoMs());
    errors.note(lane.name, error);
    options.onFailure?.(error.code);
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
          turns.ask(lane);
        }),
    );
    turns.pump();
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
    const rows = rowsLeft(lane);
    const doubtful = lane.distrusted ? rowsIn(lane.unsynced) : 0;
    if (rows === 0 && lost.length === 0 && doubtful === 0) return;
    // Of those that were written once and had to be written again, some are counted as written.
    totals.rows += lost.reduce((sum, chunk) => sum + chunk.rows, 0) - rows;
    totals.rowsLost += rows;
    const text = doubtful > 0 ? `; ${doubtful} written ones may not be on the disk` : '';
    const message = `${rows} rows given up at the stop${text}: ${errors.last()}`;
    errors.note(lane.name, failure('rows_lost', message));
    lane.taken = null;
    lane.queue = [];
    for (const chunk of lost) {
      queued -= chunk.bytes.length;
      chunk.done?.(false);
    }
  }

  function laneOf(name: string, header: string): Lane {
    const known = lanes.get(name);
    if (known) {
      if (known.header !== header) throw new RangeError(`${name} was begun with other columns`);
      return known;
    }
    const lane = createLane(name, pathUnder(root, name), header);
    lanes.set(name, lane);
    return lane;
  }

  return {
    append({ file, header, bytes, rows, day = null, begins = false, done }) {
      if (bytes.length === 0 || bytes[bytes.length - 1] !== NEWLINE) throw new RangeError('not whole rows');
      const lane = laneOf(file, header);
      // An empty queue takes anything: a batch above the bound would otherwise never go.
      if (closing !== null || (queued > 0 && queued + bytes.length > queueBytes)) return false;
      queued += bytes.length;
      lane.queue.push({ bytes, rows, day, begins, done });
      return true;
    },
    flush,
    async leave(file) {
      await flush();
      const lane = lanes.get(file);
      if (lane === undefined || lane.busy || hasRows(lane)) return;
      descriptors.drop(lane);
      await release(lane);
      // Whoever asked for it meanwhile had to wait.
      turns.pump();
    },
    close: () => (closing ??= closeAll()),
    contract() {
      return runContract(root, ops, async (file, header, bytes, rows) => {
        const writer = createSafeWriter({ ...options, report: () => undefined });
        writer.append({ file, header, bytes, rows });
        return writer.close();
      });
    },
    status() {
      const now = clock.monoMs();
      const lags = [...lanes.values()].map(({ dirtySinceMs }) => now - (dirtySinceMs ?? now));
      return {
        rows: totals.rows,
        bytes: totals.bytes,
        fsync_lag_ms: Math.max(0, ...lags),
        queue_bytes: queued,
        rows_lost: totals.rowsLost,
        open_files: descriptors.size(),
        errors: errors.count(),
        failing_files: errors.failing(),
        last_error: errors.last(),
      };
    },
    failing: errors.reasons,
    waiting(file) {
      const lane = lanes.get(file);
      return lane === undefined ? [] : rowsWaiting(lane);
    },
  };
}
