import { describe, expect, test } from 'vitest';
import { createJudge } from '../../src/runtime/hysteresis.ts';
import { buildStatus, type StatusInput } from '../../src/runtime/status.ts';
import { createWorkerTally } from '../../src/runtime/worker-tally.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';
import { batchOf, DISK, FEED, inputOf, RATES, tallyOf, threadOf, VENUE } from '../support/status.ts';

describe('the tally of a worker', () => {
  test('counts over its life and over the last minute', () => {
    const clock = manualClock();
    const tally = createWorkerTally(clock, 'trades');
    expect(tally.read()).toMatchObject({ eventsTotal: 0, lastEventUs: null, latency: { p50: null } });
    expect(tally.silence()).toEqual({ ageMs: null, lateMs: 600_000, watchedMs: Number.POSITIVE_INFINITY });
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
      latency: { p50: -1, p99: -1 },
    });
    clock.advance(1_000);
    expect(tally.read()).toMatchObject({ eventsTotal: 5, events60s: 2, errors60s: 0 });
    expect(tally.silence()).toEqual({ ageMs: 1_000, lateMs: 600_000, watchedMs: Number.POSITIVE_INFINITY });
  });

  test('symbols are silent each by itself', () => {
    const clock = manualClock();
    const tally = tallyOf(clock, ['A', 'B']);
    for (let at = 0; at < 10; at++) {
      clock.advance(1_000);
      tally.batch(batchOf(1, CLOCK_START_US, CLOCK_START_US, ['A']));
    }
    clock.advance(500);
    expect(tally.silence('A')).toEqual({ ageMs: 500, lateMs: 20_000, watchedMs: Number.POSITIVE_INFINITY });
    expect(tally.silence('B')).toEqual({
      ageMs: 10_500,
      lateMs: 60_000,
      watchedMs: Number.POSITIVE_INFINITY,
    });
    expect(tally.silence('C')).toEqual({ ageMs: null, lateMs: 60_000, watchedMs: Number.POSITIVE_INFINITY });
  });
});

describe('the status', () => {
  const fresh = () => tallyOf(manualClock());
  const stateOf = (input: StatusInput) => {
    const { object, level, reasons } = buildStatus(input);
    return [object.state, object.level, level, reasons];
  };

  test('collecting while all is well, degraded with the reasons while it is not', () => {
    const well = { thread: threadOf('running', FEED), tally: fresh() };
    expect(stateOf(inputOf([well]))).toEqual(['collecting', 'OK', 'OK', []]);
    const ill = { thread: threadOf('restarting', FEED, 'exit 1'), tally: fresh() };
    expect(stateOf(inputOf([ill]))).toEqual([
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
    const dumb = { thread: threadOf('running', FEED), tally: createWorkerTally(manualClock(), 'orderbook') };
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
    expect(object.workers.map((one) => one.state)).toEqual([
      'starting',
      'connecting',
      'restarting',
      'stopped',
    ]);
  });

  const SYMBOLS = {
    A: {
      state: 'synced',
      lastLocalUs: CLOCK_START_US,
      events: 5,
      resyncs: 2,
      dropped: 0,
      backfilled: 0,
      missing: 0,
    },
    B: { state: 'joining', lastLocalUs: 0, events: 0, resyncs: 0, dropped: 3, backfilled: 0, missing: 0 },
  } as const;

  test('symbols: level, age and bound of each; the worst is told of them all', () => {
    const clock = manualClock();
    const thread = threadOf('running', { ...FEED, symbols: SYMBOLS });
    const tally = tallyOf(clock, ['A']);
    clock.advance(1_500);
    const input = inputOf([{ thread, tally }], { judge: createJudge(clock) });
    const { object, reasons, scopes } = buildStatus(input);
    expect(object.workers[0]).toMatchObject({
      level: 'WARN',
      last_event_age_sec: 1.5,
      late_sec: 60,
      symbols: {
        A: {
          state: 'synced',
          level: 'OK',
          age_sec: 1.5,
          late_sec: 60,
          resyncs: 2,
          dropped: 0,
          backfilled: 0,
          missing: 0,
        },
        B: {
          state: 'joining',
          level: 'CRIT',
          age_sec: null,
          late_sec: 60,
          resyncs: 0,
          dropped: 3,
          backfilled: 0,
          missing: 0,
        },
      },
    });
    expect(reasons).toEqual(['okx.orderbook: no data of B']);
    expect(scopes.map(({ scope, symbol, level }) => [scope, symbol, level])).toEqual([
      ['okx.orderbook', 'A', 'OK'],
      ['okx.orderbook', 'B', 'CRIT'],
      ['okx.orderbook', undefined, 'WARN'],
      ['okx', undefined, 'WARN'],
      ['collector', undefined, 'WARN'],
    ]);
  });

  test('what is recorded from now on only has its own time to begin; what is forgotten is as new', () => {
    const clock = manualClock();
    const symbols = { A: SYMBOLS.A, B: { ...SYMBOLS.B, state: 'synced', dropped: 0 } } as const;
    const tally = tallyOf(clock, ['A']);
    const worker = { thread: threadOf('running', { ...FEED, symbols }), tally };
    const levels = () => {
      const { object } = buildStatus(inputOf([worker], { uptimeSec: 1_000 }));
      return Object.values(object.workers[0]?.symbols ?? {}).map(({ level }) => level);
    };
    expect(levels()).toEqual(['OK', 'CRIT']);
    tally.begins('B');
    clock.advance(15_000);
    expect(levels()).toEqual(['OK', 'OK']);
    clock.advance(1);
    expect(levels()).toEqual(['OK', 'CRIT']);
    tally.forget('A');
    tally.begins('A');
    expect(levels()).toEqual(['OK', 'CRIT']);
    expect(tally.silence('A')).toMatchObject({ ageMs: null, watchedMs: 0 });
    const whole = createWorkerTally(clock, 'orderbook');
    expect(whole.silence().watchedMs).toBe(Number.POSITIVE_INFINITY);
    whole.begins();
    clock.advance(3);
    expect([whole.silence().watchedMs, whole.silence('A').watchedMs]).toEqual([3, 3]);
  });

  test('a book that is not joined is told when it is not mended within seconds', () => {
    const clock = manualClock();
    const symbols = { A: { ...SYMBOLS.A, state: 'resyncing' } } as const;
    const worker = { thread: threadOf('running', { ...FEED, symbols }), tally: tallyOf(clock, ['A']) };
    const judge = createJudge(clock);
    const look = () => buildStatus(inputOf([worker], { judge })).reasons;
    expect(look()).toEqual([]);
    clock.advance(5_000);
    expect(look()).toEqual(['okx.orderbook: books not joined: A']);
  });

  test.each([-7_200, 7_200])(
    'a wall clock that is set by %d s makes nothing late, and hides no silence',
    (stepSec) => {
      const clock = manualClock();
      const symbols = { A: SYMBOLS.A };
      const worker = { thread: threadOf('running', { ...FEED, symbols }), tally: tallyOf(clock, ['A']) };
      const judge = createJudge(clock);
      clock.stepWall(clock.wallUs() + stepSec * 1_000_000);
      const look = () => buildStatus(inputOf([worker], { judge, nowUs: clock.wallUs() }));
      clock.advance(2_000);
      const aged = (sec: number) => [{ last_event_age_sec: sec, symbols: { A: { age_sec: sec } } }];
      expect(look()).toMatchObject({ level: 'OK', object: { workers: aged(2) } });
      clock.advance(59_000);
      expect(look().reasons).toEqual(['okx.orderbook: no data for 61 s']);
      expect(look().object.workers).toMatchObject(aged(61));
    },
  );

  test('a venue is as bad as its feeds and its REST; another one is not touched', () => {
    const worker = { thread: threadOf('restarting', FEED, 'exit 1'), tally: fresh() };
    const rates = { okx: { ...RATES, paused_sec: 30, throttle: true } };
    const venues = { okx: VENUE, bybit: { ...VENUE, rest_ok: false } };
    const preflight = new Map([['bybit', 'preflight ENOTFOUND x']]);
    const { object, reasons } = buildStatus(inputOf([worker], { venues, rates, preflight }));
    expect(object.venues).toEqual({
      okx: {
        ...VENUE,
        level: 'CRIT',
        reasons: ['limited: no requests for 30 s', 'orderbook: restarting (exit 1)'],
      },
      bybit: { ...VENUE, rest_ok: false, level: 'CRIT', reasons: ['preflight ENOTFOUND x'] },
    });
    expect(reasons).toEqual([
      'okx: limited: no requests for 30 s',
      'bybit: preflight ENOTFOUND x',
      'okx.orderbook: restarting (exit 1)',
    ]);
  });

  test("a file that cannot be written is its own symbol's and worker's reason, and no other's", () => {
    const tally = tallyOf(manualClock(), ['BTC/USDT', 'A']);
    const symbols = { 'BTC/USDT': SYMBOLS.A, A: SYMBOLS.A };
    const worker = { thread: threadOf('running', { ...FEED, symbols }), tally };
    const of = (file: string) =>
      buildStatus({ ...inputOf([worker]), failingFiles: new Map([[file, 'ENOSPC: no space left']]) });
    const failing = of('raw/orderbook-okx-BTC-USDT.csv');
    expect(failing).toMatchObject({
      level: 'CRIT',
      reasons: ['okx.orderbook: rows wait: raw/orderbook-okx-BTC-USDT.csv: ENOSPC: no space left'],
    });
    expect(failing.object.workers[0]?.symbols).toMatchObject({
      'BTC/USDT': { level: 'CRIT' },
      A: { level: 'OK' },
    });
    expect(of('raw/trades-okx-BTC-USDT.csv').reasons).toEqual([]);
  });

  test('while the disk is full every feed says so', () => {
    const worker = { thread: threadOf('running', FEED), tally: tallyOf(manualClock()) };
    const { object } = buildStatus({ ...inputOf([worker]), disk: { ...DISK, disk_hold: true } });
    expect(object.workers[0]).toMatchObject({ level: 'CRIT', reasons: ['rows wait: the disk is full'] });
  });

  test('a capture that fails or has lost lines lately is a WARN with the reason; one that has recovered is not', () => {
    const capture = { failing: false, files: 1, bytes: 2, dropped: 0, errors: 3, last_error: 'ENOSPC: full' };
    const told = (more: Partial<typeof capture>, rising = false) => {
      const worker = {
        thread: threadOf('running', { ...FEED, capture: { ...capture, ...more } }),
        tally: tallyOf(manualClock()),
      };
      const { object, level, reasons } = buildStatus(inputOf([worker], { isRising: () => rising }));
      expect(object.workers[0]?.capture).toEqual({ ...capture, ...more });
      return [level, ...reasons];
    };
    expect(told({})).toEqual(['OK']);
    expect(told({ failing: true })).toEqual(['WARN', 'okx.orderbook: capture: ENOSPC: full']);
    expect(told({ dropped: 7 }, false)).toEqual(['OK']);
    expect(told({ dropped: 7 }, true)).toEqual(['WARN', 'okx.orderbook: capture: 7 lines lost']);
    const both = 'okx.orderbook: capture: 7 lines lost; ENOSPC: full';
    expect(told({ failing: true, dropped: 7 }, true)).toEqual(['WARN', both]);
  });
});
