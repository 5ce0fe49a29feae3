import { describe, expect, test } from 'vitest';
import {
  SYMBOL_RULES,
  type SymbolFacts,
  VENUE_RULES,
  type VenueFacts,
  WHOLE_RULES,
  type WholeFacts,
  WORKER_RULES,
  type WorkerFacts,
} from '../../src/runtime/health.ts';
import { type Rule, rank, worst } from '../../src/runtime/level.ts';

/** The rules that hold, without their times. */
function held<F>(rules: readonly Rule<F>[], facts: F): readonly (readonly [string, string])[] {
  return rules.flatMap(({ level, reason }) => {
    const text = reason(facts);
    return text === null ? [] : [[level, text] as const];
  });
}

const SYMBOL: SymbolFacts = {
  feed: 'orderbook',
  uptimeSec: 3_600,
  ageSec: 0.2,
  lateSec: 20,
  isUnjoined: false,
  dropped: 0,
  writeError: null,
  subscriptionError: null,
};

const WORKER: WorkerFacts = {
  thread: 'running',
  down: false,
  uptimeSec: 3_600,
  ageSec: 0.2,
  lateSec: 20,
  late: [],
  unserved: [],
  unjoined: [],
  dropped: 0,
  writeError: null,
  fallback: false,
  captureError: null,
  lastError: null,
};

const VENUE: VenueFacts = {
  venue: 'okx',
  restError: null,
  bannedSec: null,
  pausedSec: 0,
  throttle: false,
  waiting: 3,
  notTrading: [],
  clockOffsetMs: 1_200,
  clockUncertaintyMs: 200,
};

const WHOLE: WholeFacts = {
  writerError: null,
  fsyncLagMs: 900,
  stageErrors: 0,
  loopLagMs: 40,
  rssMb: 300,
  maxRssMb: 1_500,
  diskFreeBytes: 50e9,
  diskHold: false,
  diskFullInSec: null,
  clockStepSec: null,
  settingsError: null,
};

describe('a symbol', () => {
  test('is OK while it speaks', () => expect(held(SYMBOL_RULES, SYMBOL)).toEqual([]));

  test.each<[Partial<SymbolFacts>, string, string]>([
    [{ ageSec: 20.6 }, 'CRIT', 'no data for 21 s'],
    [{ ageSec: 72_001, lateSec: 72_000 }, 'CRIT', 'no data for 72001 s'],
    [{ ageSec: null, uptimeSec: 15.1 }, 'CRIT', 'no data at all'],
    [{ feed: 'trades', ageSec: null, uptimeSec: 601 }, 'CRIT', 'no data at all'],
    [{ writeError: 'EIO' }, 'CRIT', 'rows wait: EIO'],
    [{ dropped: 7 }, 'CRIT', '7 events dropped'],
    [{ isUnjoined: true }, 'WARN', 'book not joined'],
    [{ subscriptionError: 'books:X: no such' }, 'CRIT', 'books:X: no such'],
  ])('%o', (facts, level, reason) => {
    expect(held(SYMBOL_RULES, { ...SYMBOL, ...facts })).toEqual([[level, reason]]);
  });

  test.each<[string, Partial<SymbolFacts>]>([
    ['at its bound', { ageSec: 20 }],
    ['silent in its first 15 s', { ageSec: null, uptimeSec: 15 }],
    ['without a trade in its first ten minutes', { feed: 'trades', ageSec: null, uptimeSec: 600 }],
    ['joining its book in the first 15 s', { isUnjoined: true, uptimeSec: 15 }],
  ])('is OK: %s', (_, facts) => {
    expect(held(SYMBOL_RULES, { ...SYMBOL, ...facts })).toEqual([]);
  });
});

describe('a worker', () => {
  test('is OK while it runs, is connected and has fresh events', () => {
    expect(held(WORKER_RULES, WORKER)).toEqual([]);
  });

  test.each<[string, Partial<WorkerFacts>, string, string]>([
    ['restarting', { thread: 'restarting', lastError: 'exit 1' }, 'CRIT', 'restarting (exit 1)'],
    ['restarting, reason unknown', { thread: 'restarting' }, 'CRIT', 'restarting (unknown reason)'],
    ['no connection', { down: true, lastError: 'spot: E' }, 'CRIT', 'no connection (spot: E)'],
    [
      'no connection, though it was tried, in its first 15 s',
      { down: true, lastError: 'spot: E', uptimeSec: 5, ageSec: null },
      'CRIT',
      'no connection (spot: E)',
    ],
    ['never opened', { down: true }, 'CRIT', 'no connection (not yet opened)'],
    ['no data at all', { ageSec: null }, 'CRIT', 'no data at all'],
    ['late', { ageSec: 61 }, 'CRIT', 'no data for 61 s'],
    ['some symbols late', { late: ['A', 'B'] }, 'WARN', 'no data of A, B'],
    ['a refused stream', { unserved: ['A'] }, 'WARN', 'subscriptions in error: A'],
    ['a file that cannot be written', { writeError: 'a.csv: EIO' }, 'CRIT', 'rows wait: a.csv: EIO'],
    ['dropped events', { dropped: 7 }, 'CRIT', '7 events dropped'],
    ['a book not joined', { unjoined: ['A', 'B', 'C'] }, 'WARN', 'books not joined: A, B, C'],
    ['many', { unjoined: ['A', 'B', 'C', 'D', 'E'] }, 'WARN', 'books not joined: A, B, C and 2 more'],
    ['polled in place of a WebSocket', { fallback: true }, 'WARN', 'polled by REST: no WebSocket'],
    ['a capture that fails', { captureError: 'ENOSPC: full' }, 'WARN', 'capture: ENOSPC: full'],
  ])('%s', (_, facts, level, reason) => {
    expect(held(WORKER_RULES, { ...WORKER, ...facts })).toEqual([[level, reason]]);
  });

  test.each<[string, Partial<WorkerFacts>]>([
    ['without data in its first 15 s', { uptimeSec: 15, ageSec: null }],
    ['opening its first connection in its first 15 s', { uptimeSec: 15, ageSec: null, down: true }],
    ['joining books in its first 15 s', { uptimeSec: 15, unjoined: ['A'] }],
    ['a market that trades seldom', { ageSec: 7_000, lateSec: 7_200 }],
  ])('is OK: %s', (_, facts) => {
    expect(held(WORKER_RULES, { ...WORKER, ...facts })).toEqual([]);
  });

  test('every reason is told; symbols are not listed beside what explains them all', () => {
    const facts = { ...WORKER, unjoined: ['A'], dropped: 1, ageSec: 900, late: ['A', 'B'] };
    expect(held(WORKER_RULES, facts)).toEqual([
      ['CRIT', 'no data for 900 s'],
      ['CRIT', '1 events dropped'],
      ['WARN', 'books not joined: A'],
    ]);
    expect(held(WORKER_RULES, { ...WORKER, late: ['A', 'B'], down: true })).toHaveLength(1);
  });
});

describe('a venue', () => {
  test.each<[Partial<VenueFacts>, readonly (readonly [string, string])[]]>([
    [{}, []],
    [{ restError: 'preflight ENOTFOUND x' }, [['CRIT', 'preflight ENOTFOUND x']]],
    [{ throttle: true }, [['WARN', 'throttled: 3 requests wait']]],
    [{ throttle: true, pausedSec: 4.2 }, [['WARN', 'limited: no requests for 5 s']]],
    [{ throttle: true, pausedSec: 120, bannedSec: 119.5 }, [['CRIT', 'banned for 120 s']]],
    [{ notTrading: ['A/B', 'C/D'] }, [['WARN', 'listed, not trading now: A/B, C/D']]],
    [{ clockOffsetMs: 2_345 }, [['WARN', "our clock is 2.3 s behind okx's: check NTP"]]],
    [{ clockOffsetMs: -1_201 }, [['WARN', "our clock is 1.2 s ahead of okx's: check NTP"]]],
    [{ clockOffsetMs: -1_201, clockUncertaintyMs: 250 }, []],
    [{ clockOffsetMs: null, clockUncertaintyMs: 0 }, []],
  ])('%o', (facts, want) => expect(held(VENUE_RULES, { ...VENUE, ...facts })).toEqual(want));

  test('demand that waits for a moment is no matter', () => {
    expect(VENUE_RULES.find(({ id }) => id === 'throttled')?.afterSec).toBe(10);
  });
});

describe('the whole', () => {
  test('is OK', () => expect(held(WHOLE_RULES, WHOLE)).toEqual([]));

  test('what is not measured breaks no rule', () => {
    expect(held(WHOLE_RULES, { ...WHOLE, diskFreeBytes: null })).toEqual([]);
  });

  test.each<[Partial<WholeFacts>, string, string]>([
    [{ writerError: 'raw/x.csv: ENOSPC' }, 'CRIT', 'writer: raw/x.csv: ENOSPC'],
    [{ fsyncLagMs: 5_000.6 }, 'WARN', 'disk: 5001 ms behind'],
    [{ diskFreeBytes: 199_999_999 }, 'CRIT', 'disk: 199 MB free'],
    [{ diskHold: true }, 'CRIT', 'disk: full, rows wait for room'],
    [{ diskFullInSec: 47 * 3_600 }, 'WARN', 'disk: full in 47 h'],
    [{ diskFullInSec: 7_200 }, 'WARN', 'disk: full in 2 h'],
    [{ diskFullInSec: 7_199 }, 'CRIT', 'disk: full in 119 min'],
    [{ stageErrors: 2 }, 'WARN', '2 batches failed in a stage'],
    [{ loopLagMs: 1_001 }, 'WARN', 'main thread held for 1001 ms'],
    [{ rssMb: 1_500.6 }, 'WARN', 'memory: 1501 MB, of 1500 at most'],
    [{ clockStepSec: -3_600.5 }, 'WARN', 'clock: set by -3600.5 s'],
  ])('%o', (facts, level, reason) => {
    expect(held(WHOLE_RULES, { ...WHOLE, ...facts })).toEqual([[level, reason]]);
  });

  test.each<[Partial<WholeFacts>]>([
    [{ diskFreeBytes: 200e6 }],
    [{ diskFullInSec: 48 * 3_600 }],
    [{ rssMb: 1_500 }],
    [{ loopLagMs: 1_000 }],
  ])('is OK at the bound: %o', (facts) => expect(held(WHOLE_RULES, { ...WHOLE, ...facts })).toEqual([]));
});

test('a rule has one name within its table, by which it is remembered', () => {
  for (const rules of [SYMBOL_RULES, WORKER_RULES, VENUE_RULES, WHOLE_RULES]) {
    const ids = (rules as readonly { readonly id: string }[]).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  }
});

test('OK < WARN < CRIT, whatever their order', () => {
  expect(worst([])).toBe('OK');
  expect(worst(['OK', 'WARN', 'OK'])).toBe('WARN');
  expect(worst(['CRIT', 'WARN', 'OK'])).toBe('CRIT');
  expect(worst(['WARN', 'CRIT', 'WARN'])).toBe('CRIT');
  expect((['OK', 'WARN', 'CRIT'] as const).map(rank)).toEqual([0, 1, 2]);
});
