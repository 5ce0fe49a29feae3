import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { DEFAULT_TUNING, type FeedStatus, type FetcherInit } from '../../src/runtime/protocol.ts';
import { buildStatus, createWorkerTally, type StatusInput } from '../../src/runtime/status.ts';
import type { Thread, ThreadState } from '../../src/runtime/thread.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';

const FEED: FeedStatus = {
  state: 'collecting',
  frames: 1,
  events: 1,
  rejects: 2,
  duplicates: 3,
  ahead: 4,
  stale: 5,
  ignored: { pong: 6 },
  reconnects: 7,
  resyncs: 8,
  dropped: 0,
  queued: 9,
  lastError: null,
  capture: null,
  symbols: {},
};

function threadOf(state: ThreadState, status: FeedStatus | null, lastError: string | null = null): Thread {
  const init: FetcherInit = {
    venue: 'okx',
    feed: 'orderbook',
    instruments: [],
    endpoints: {},
    options: { depth: 200, stream: null },
    transport: 'ws',
    capture: null,
    tuning: DEFAULT_TUNING,
    seen: {},
  };
  return {
    id: 'okx.orderbook',
    init,
    state: () => state,
    status: () => status,
    restarts: () => 1,
    rotate: () => undefined,
    hold: () => undefined,
    lastError: () => lastError,
    pause: () => undefined,
    stop: async () => undefined,
  };
}

const batchOf = (
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

function inputOf(workers: StatusInput['workers'], more: Partial<StatusInput> = {}): StatusInput {
  return {
    nowUs: CLOCK_START_US + 20_000_000,
    pid: 1,
    version: '0',
    startedUs: CLOCK_START_US,
    uptimeSec: 20,
    mode: 'PROD',
    kind: 'sim',
    phase: 'collecting',
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
    disk: { disk_free_bytes: null, disk_full_in_sec: null, disk_forecast: null, disk_hold: false },
    archive: { waiting: 0, sealed: 0, recovered: 0, errors: 0, last_error: null, oldest_waiting_sec: 0 },
    clock: { steps: 0, last_step_sec: null, last_step_ts: null, drift_ms: 0 },
    quarantined: 0,
    failingFiles: new Map(),
    venues: {},
    isRising: (_, count) => count > 0,
    host: { rss_mb: 1, event_loop_lag_ms: 0 },
    whole: { writerError: null, fsyncLagMs: 0, stageErrors: 0, loopLagMs: 0, preflight: [] },
    stages: {},
    ...more,
  };
}

describe('the tally of a worker', () => {
  test('counts over its life and over the last minute', () => {
    const clock = manualClock();
    const tally = createWorkerTally(clock);
    expect(tally.read()).toMatchObject({
      eventsTotal: 0,
      lastEventUs: null,
      lastEventAgeMs: null,
      latency: { p50: null },
    });
    tally.batch(batchOf(3, CLOCK_START_US, CLOCK_START_US + 2_500));
    tally.written(3);
    tally.error();
    clock.advance(59_000);
    tally.batch(batchOf(2, CLOCK_START_US + 9_000, CLOCK_START_US + 8_000));
    expect(tally.read()).toEqual({
      eventsTotal: 5,
      events60s: 5,
      errors60s: 1,
      rowsWritten: 3,
      gaps: 0,
      lastEventUs: CLOCK_START_US + 8_000,
      lastEventAgeMs: 0,
      latency: { p50: -1, p99: -1 },
    });
    clock.advance(1_000);
    expect(tally.read()).toMatchObject({
      eventsTotal: 5,
      events60s: 2,
      errors60s: 0,
      lastEventAgeMs: 1_000,
    });
  });

  test('one gap is one, whatever it takes with it', () => {
    const tally = createWorkerTally(manualClock());
    const scope = 'okx.orderbook';
    tally.gap({ type: 'reconnect', scope });
    tally.gap({ type: 'reconnect', scope, was_up: false });
    tally.gap({ type: 'resync', scope, symbol: 'A', reason: 'disconnect' });
    tally.gap({ type: 'gap', scope, symbol: 'A', kind: 'overflow' });
    tally.gap({ type: 'resync', scope, symbol: 'A', reason: 'overflow' });
    expect(tally.read().gaps).toBe(2);
    tally.gap({ type: 'resync', scope, symbol: 'A', reason: 'sequence: 1 is followed by 3' });
    expect(tally.read().gaps).toBe(3);
  });
});

describe('the status', () => {
  const fresh = () => {
    const tally = createWorkerTally(manualClock());
    tally.batch(batchOf(1, CLOCK_START_US, CLOCK_START_US + 19_000_000));
    return tally;
  };
  const stateOf = (input: StatusInput) => {
    const { object, level, reasons } = buildStatus(input);
    return [object.state, object.level, level, reasons];
  };

  test('collecting while all is well, degraded with the reasons while it is not', () => {
    const well = { thread: threadOf('running', FEED), tally: fresh() };
    expect(stateOf(inputOf([well]))).toEqual(['collecting', 'OK', 'OK', []]);
    const ill = { thread: threadOf('restarting', FEED, 'exit 1'), tally: fresh() };
    expect(stateOf(inputOf([well, ill]))).toEqual([
      'degraded',
      'CRIT',
      'CRIT',
      ['okx.orderbook: restarting (exit 1)'],
    ]);
    const whole = { ...inputOf([]).whole, fsyncLagMs: 9_000 };
    expect(stateOf(inputOf([well], { whole }))).toMatchObject(['degraded', 'WARN', 'WARN', {}]);
  });

  test.each(['starting', 'stopping', 'stopped'] as const)('%s stays so, whatever the level', (phase) => {
    const ill = { thread: threadOf('restarting', null), tally: fresh() };
    expect(stateOf(inputOf([ill], { phase })).slice(0, 2)).toEqual([phase, 'CRIT']);
  });

  test('no data at all is never OK', () => {
    const dumb = { thread: threadOf('running', FEED), tally: createWorkerTally(manualClock()) };
    expect(stateOf(inputOf([dumb]))).toMatchObject([
      'degraded',
      'CRIT',
      'CRIT',
      ['okx.orderbook: no data at all'],
    ]);
  });

  test('a worker before its first word, and one whose thread is gone', () => {
    const workers = (['starting', 'running', 'restarting', 'stopped'] as const).map((state) => ({
      thread: threadOf(state, state === 'starting' ? null : { ...FEED, state: 'connecting' }),
      tally: fresh(),
    }));
    const { object } = buildStatus(inputOf(workers));
    expect((object.workers as { state: string }[]).map((one) => one.state)).toEqual([
      'starting',
      'connecting',
      'restarting',
      'stopped',
    ]);
  });

  const SYMBOLS = {
    A: { state: 'synced', lastLocalUs: CLOCK_START_US, events: 5, resyncs: 2, dropped: 0 },
    B: { state: 'joining', lastLocalUs: 0, events: 0, resyncs: 0, dropped: 0 },
  } as const;

  test('symbols: the age of the newest event, null before the first; books not joined are told', () => {
    const clock = manualClock();
    const tally = createWorkerTally(clock);
    tally.batch(batchOf(1, CLOCK_START_US, CLOCK_START_US, ['A', 'C']));
    clock.advance(500);
    tally.batch(batchOf(1, CLOCK_START_US, CLOCK_START_US, ['C']));
    clock.advance(1_000);
    const { object, reasons } = buildStatus(
      inputOf([{ thread: threadOf('running', { ...FEED, symbols: SYMBOLS }), tally }]),
    );
    expect(object.workers).toMatchObject([
      {
        last_event_age_sec: 1,
        symbols: {
          A: { state: 'synced', age_sec: 1.5, resyncs: 2, dropped: 0 },
          B: { state: 'joining', age_sec: null, resyncs: 0, dropped: 0 },
        },
      },
    ]);
    expect(reasons).toEqual(['okx.orderbook: books not joined: B']);
  });

  test("a file that cannot be written is its own worker's reason, and no other's", () => {
    const worker = { thread: threadOf('running', FEED), tally: fresh() };
    const of = (file: string) =>
      buildStatus({ ...inputOf([worker]), failingFiles: new Map([[file, 'ENOSPC: no space left']]) });
    expect(of('raw/orderbook-okx-BTC-USDT.csv')).toMatchObject({
      level: 'CRIT',
      reasons: ['okx.orderbook: rows wait: raw/orderbook-okx-BTC-USDT.csv: ENOSPC: no space left'],
    });
    expect(of('raw/trades-okx-BTC-USDT.csv').reasons).toEqual([]);
  });

  test.each([-7200, 3600])(
    'a wall clock that is set by %d s makes nothing old, and hides no silence',
    (step) => {
      const clock = manualClock();
      const tally = createWorkerTally(clock);
      const symbols = { A: SYMBOLS.A };
      tally.batch(batchOf(1, CLOCK_START_US, clock.wallUs(), ['A']));
      clock.stepWall(clock.wallUs() + step * 1_000_000);
      const look = () =>
        buildStatus(
          inputOf([{ thread: threadOf('running', { ...FEED, symbols }), tally }], { nowUs: clock.wallUs() }),
        );
      clock.advance(2_000);
      const aged = (sec: number) => [{ last_event_age_sec: sec, symbols: { A: { age_sec: sec } } }];
      expect(look()).toMatchObject({ level: 'OK', object: { workers: aged(2) } });
      clock.advance(59_000);
      expect(look().reasons).toEqual(['okx.orderbook: no data for 61 s']);
      expect(look().object.workers).toMatchObject(aged(61));
    },
  );
});
