/** A status of invented parts. */

import type { Batch } from '../../src/core/batch.ts';
import type { Feed } from '../../src/core/event.ts';
import type { Clock } from '../../src/core/ports.ts';
import type { ArchiveStatus } from '../../src/io/archive.ts';
import type { ClockStatus } from '../../src/runtime/clock-watch.ts';
import type { DiskStatus } from '../../src/runtime/disk.ts';
import { createJudge } from '../../src/runtime/hysteresis.ts';
import {
  DEFAULT_TUNING,
  type FeedStatus,
  type FetcherInit,
  NOTHING_LEFT,
} from '../../src/runtime/protocol.ts';
import type { VenueRateStats } from '../../src/runtime/rate-stats.ts';
import type { VenueState } from '../../src/runtime/roll-call.ts';
import type { StatusInput } from '../../src/runtime/status.ts';
import type { Thread, ThreadState } from '../../src/runtime/thread.ts';
import { createWorkerTally, type WorkerTally } from '../../src/runtime/worker-tally.ts';
import { CLOCK_START_US, manualClock } from './clock.ts';

export const FEED: FeedStatus = {
  state: 'collecting',
  fallback: false,
  frames: 1,
  events: 1,
  rejects: 2,
  untold: 0,
  duplicates: 3,
  ahead: 4,
  stale: 5,
  ignored: { pong: 6 },
  reconnects: 7,
  resyncs: 8,
  dropped: 0,
  gapsOpen: 0,
  queued: 9,
  lastError: null,
  capture: null,
  symbols: {},
};

export function threadOf(
  state: ThreadState,
  status: FeedStatus | null,
  lastError: string | null = null,
): Thread {
  const init: FetcherInit = {
    venue: 'okx',
    key: 'okx',
    poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
    fallback: null,
    feed: 'orderbook',
    instruments: [],
    endpoints: {},
    options: { depth: 200, stream: null },
    transport: 'ws',
    tuning: DEFAULT_TUNING,
    left: NOTHING_LEFT,
    capture: null,
  };
  return {
    id: 'okx.orderbook',
    init,
    state: () => state,
    status: () => status,
    restarts: () => 1,
    rotate: () => undefined,
    hold: () => undefined,
    pause: () => undefined,
    instruments: () => undefined,
    poll: () => undefined,
    lastError: () => lastError,
    stop: async () => undefined,
  };
}

export const batchOf = (
  events: number,
  venueUs: number,
  localUs: number,
  symbols: readonly string[] = [],
): Batch => ({
  venue: 'okx',
  feed: 'trades',
  parts: symbols.map((symbol) => ({
    symbol,
    start: 0,
    end: 0,
    rows: 1,
    lastRow: 0,
    day: '2026-11-21',
    begins: false,
  })),
  bytes: new Uint8Array(0),
  columns: Float64Array.from(Array(events).fill([0, venueUs, localUs]).flat() as number[]),
  width: 3,
  events,
  firstLocalUs: localUs,
  lastLocalUs: localUs,
});

export const DISK: DiskStatus = {
  disk_free_bytes: null,
  disk_full_in_sec: null,
  disk_forecast: null,
  disk_hold: false,
};
export const ARCHIVE: ArchiveStatus = {
  waiting: 0,
  sealed: 0,
  recovered: 0,
  errors: 0,
  last_error: null,
  oldest_waiting_sec: 0,
};
export const CLOCK: ClockStatus = { steps: 0, last_step_sec: null, last_step_ts: null, drift_ms: 0 };

export const VENUE: VenueState = {
  rest_ok: true,
  not_trading: [],
  clock_offset_ms: -1.5,
  clock_uncertainty_ms: 20,
  clock_ts: 1795219200,
};

export const RATES: VenueRateStats = {
  state: 'free',
  stretch: 1,
  lowered_sec: 0,
  windows: {},
  permits_total: 0,
  rpm_60s: 0,
  rpm_300s: 0,
  err_60s: 0,
  outcomes_60s: {},
  outcomes_300s: {},
  outcomes_total: {},
  target_rpm: 270,
  throttle: false,
  waiting: 0,
  paused_sec: 0,
};

export function inputOf(workers: StatusInput['workers'], more: Partial<StatusInput> = {}): StatusInput {
  return {
    nowUs: CLOCK_START_US + 20_000_000,
    pid: 1,
    version: '0',
    startedUs: CLOCK_START_US,
    uptimeSec: 20,
    mode: 'PROD',
    kind: 'sim',
    phase: 'collecting',
    levelSinceUs: () => CLOCK_START_US,
    judge: createJudge(manualClock()),
    redact: (text) => text,
    workers,
    writer: {
      rows: 0,
      bytes: 0,
      fsync_lag_ms: 0,
      queue_bytes: 0,
      rows_lost: 0,
      open_files: 0,
      errors: 0,
      failing_files: 0,
      last_error: null,
    },
    disk: DISK,
    archive: ARCHIVE,
    clock: CLOCK,
    quarantined: 0,
    failingFiles: new Map(),
    venues: { okx: VENUE },
    preflight: new Map(),
    rates: { okx: RATES },
    isRising: (_, count) => count > 0,
    host: { rss_mb: 1, event_loop_lag_ms: 0 },
    whole: {
      writerError: null,
      fsyncLagMs: 0,
      stageErrors: 0,
      loopLagMs: 0,
      rssMb: 1,
      maxRssMb: 1_500,
      diskFreeBytes: null,
      diskHold: false,
      diskFullInSec: null,
      clockStepSec: null,
      settingsError: null,
    },
    webhook: null,
    stages: { errors: 0, latest_errors: 0, ledger_errors: 0, log_errors: 0, rejects: 0 },
    ...more,
  };
}

export function tallyOf(
  clock: Clock,
  symbols: readonly string[] = [],
  feed: Feed = 'orderbook',
): WorkerTally {
  const tally = createWorkerTally(clock, feed);
  tally.batch(batchOf(1, CLOCK_START_US, clock.wallUs(), symbols));
  return tally;
}
