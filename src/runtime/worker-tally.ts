/** What is counted of one worker on this side of the boundary; it outlives the worker's restarts. */

import type { Batch } from '../core/batch.ts';
import type { Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import { type Cadence, createCadence } from './cadence.ts';
import { createLatency } from './latency.ts';
import { createWindow } from './window.ts';

export interface WorkerTally {
  batch(batch: Batch): void;
  written(rows: number): void;
  error(): void;
  /** It, or one symbol of it, is recorded from now on only: no data is expected of it yet. */
  begins(symbol?: string): void;
  /** The symbol is not recorded any more. */
  forget(symbol: string): void;
  /** A gap was found. */
  gap(): void;
  readonly read: () => {
    readonly eventsTotal: number;
    readonly events60s: number;
    readonly errors60s: number;
    readonly rowsWritten: number;
    readonly gaps: number;
    readonly lastEventUs: number | null;
    readonly latency: { readonly p50: number | null; readonly p99: number | null };
  };
  /** Of one symbol; of all together when none is named. */
  silence(symbol?: string): Silence;
}

/** Counted from the arrival here, on the monotonic clock: a step of the wall clock makes nothing older or newer. */
export interface Silence {
  /** Since the newest event; null before the first. */
  readonly ageMs: number | null;
  /** Since it begun to be recorded; Infinity: since the start of the collector. */
  readonly watchedMs: number;
  /** The age from which it is late, by its own rate. */
  readonly lateMs: number;
}

export function createWorkerTally(clock: Clock, feed: Feed): WorkerTally {
  const events = createWindow(60);
  const errors = createWindow(60);
  const latency = createLatency();
  const cadence = createCadence(feed);
  const cadences = new Map<string, Cadence>();
  /** When it, and each symbol, began; not of what is recorded since the start. */
  let beganMs = Number.NEGATIVE_INFINITY;
  const began = new Map<string, number>();
  let eventsTotal = 0;
  let rowsWritten = 0;
  let gaps = 0;
  let lastEventUs: number | null = null;

  const cadenceOf = (symbol: string): Cadence => {
    let own = cadences.get(symbol);
    if (own === undefined) {
      own = createCadence(feed);
      cadences.set(symbol, own);
    }
    return own;
  };

  return {
    batch(batch) {
      const nowMs = clock.monoMs();
      eventsTotal += batch.events;
      events.add(batch.events, nowMs);
      lastEventUs = batch.lastLocalUs;
      cadence.arrived(nowMs);
      for (const part of batch.parts) cadenceOf(part.symbol).arrived(nowMs);
      const at = (batch.events - 1) * batch.width;
      latency.add(((batch.columns[at + 2] ?? 0) - (batch.columns[at + 1] ?? 0)) / 1000);
    },
    written(rows) {
      rowsWritten += rows;
    },
    error: () => errors.add(1, clock.monoMs()),
    begins(symbol) {
      if (symbol === undefined) beganMs = clock.monoMs();
      else began.set(symbol, clock.monoMs());
    },
    forget(symbol) {
      cadences.delete(symbol);
      began.delete(symbol);
    },
    gap() {
      gaps += 1;
    },
    read: () => ({
      eventsTotal,
      events60s: events.sum(clock.monoMs()),
      errors60s: errors.sum(clock.monoMs()),
      rowsWritten,
      gaps,
      lastEventUs,
      latency: latency.quantiles(),
    }),
    silence(symbol) {
      const own = symbol === undefined ? cadence : cadenceOf(symbol);
      const sinceMs = (symbol === undefined ? undefined : began.get(symbol)) ?? beganMs;
      const nowMs = clock.monoMs();
      return { ageMs: own.ageMs(nowMs), lateMs: own.lateMs(), watchedMs: nowMs - sinceMs };
    },
  };
}
