import { describe, expect, test } from 'vitest';
import {
  judgeWhole,
  judgeWorker,
  type WholeFacts,
  type WorkerFacts,
  worst,
} from '../../src/runtime/health.ts';

const SOUND: WorkerFacts = {
  id: 'okx.trades',
  feed: 'trades',
  thread: 'running',
  down: false,
  ageSec: 3_600,
  lastEventAgeSec: 0.2,
  unsynced: [],
  dropped: 0,
  writeError: null,
  captureError: null,
  lastError: null,
};

const WHOLE: WholeFacts = {
  writerError: null,
  fsyncLagMs: 900,
  stageErrors: 0,
  loopLagMs: 40,
  preflight: [],
};

describe('a worker', () => {
  test('is OK while it runs, is connected and has fresh events', () => {
    expect(judgeWorker(SOUND)).toEqual({ level: 'OK', reasons: [] });
  });

  test.each<[string, Partial<WorkerFacts>, string, string]>([
    ['restarting', { thread: 'restarting', lastError: 'exit 1' }, 'CRIT', 'restarting (exit 1)'],
    ['restarting, reason unknown', { thread: 'restarting' }, 'CRIT', 'restarting (unknown reason)'],
    [
      'no connection',
      { down: true, lastError: 'spot: ENOTFOUND' },
      'CRIT',
      'no connection (spot: ENOTFOUND)',
    ],
    ['never opened', { down: true }, 'CRIT', 'no connection (not yet opened)'],
    ['no data at all', { lastEventAgeSec: null }, 'CRIT', 'no data at all'],
    ['a late ticker', { feed: 'ticker', lastEventAgeSec: 60.6 }, 'CRIT', 'no data for 61 s'],
    ['a late book', { feed: 'orderbook', lastEventAgeSec: 61 }, 'CRIT', 'no data for 61 s'],
    ['late trades', { lastEventAgeSec: 601 }, 'CRIT', 'no data for 601 s'],
    ['a file that cannot be written', { writeError: 'a.csv: EIO' }, 'CRIT', 'rows wait: a.csv: EIO'],
    ['dropped events', { dropped: 7 }, 'CRIT', '7 events dropped'],
    ['a book not joined', { unsynced: ['A', 'B', 'C'] }, 'WARN', 'books not joined: A, B, C'],
    [
      'many books not joined',
      { unsynced: ['A', 'B', 'C', 'D', 'E'] },
      'WARN',
      'books not joined: A, B, C and 2 more',
    ],
  ])('%s', (_, facts, level, reason) => {
    expect(judgeWorker({ ...SOUND, ...facts })).toEqual({ level, reasons: [reason] });
  });

  test.each<[string, Partial<WorkerFacts>]>([
    ['connecting in its first 5 s', { down: true, ageSec: 5, lastEventAgeSec: null }],
    ['without data in its first 15 s', { ageSec: 15, lastEventAgeSec: null }],
    ['joining books in its first 15 s', { ageSec: 15, unsynced: ['A'] }],
    ['a market that trades seldom', { lastEventAgeSec: 600 }],
    ['a ticker that is a minute old', { feed: 'ticker', lastEventAgeSec: 60 }],
  ])('is OK: %s', (_, facts) => {
    expect(judgeWorker({ ...SOUND, ...facts }).level).toBe('OK');
  });

  test('every reason is told, the worst level holds', () => {
    const judged = judgeWorker({ ...SOUND, unsynced: ['A'], dropped: 1, lastEventAgeSec: 900 });
    expect(judged).toEqual({
      level: 'CRIT',
      reasons: ['no data for 900 s', '1 events dropped', 'books not joined: A'],
    });
  });
});

describe('the whole', () => {
  test('is OK', () => expect(judgeWhole(WHOLE)).toEqual({ level: 'OK', reasons: [] }));

  test.each<[Partial<WholeFacts>, string, string]>([
    [{ writerError: 'raw/x.csv: ENOSPC' }, 'CRIT', 'writer: raw/x.csv: ENOSPC'],
    [{ fsyncLagMs: 5_000.6 }, 'WARN', 'disk: 5001 ms behind'],
    [{ stageErrors: 2 }, 'WARN', '2 batches failed in a stage'],
    [{ loopLagMs: 1_001 }, 'WARN', 'main thread held for 1001 ms'],
    [{ preflight: ['okx: ENOTFOUND', 'bybit: 403'] }, 'CRIT', 'okx: ENOTFOUND; bybit: 403'],
  ])('%o', (facts, level, reason) => {
    expect(judgeWhole({ ...WHOLE, ...facts })).toEqual({ level, reasons: [reason] });
  });
});

test('OK < WARN < CRIT, whatever their order', () => {
  expect(worst([])).toBe('OK');
  expect(worst(['OK', 'WARN', 'OK'])).toBe('WARN');
  expect(worst(['CRIT', 'WARN', 'OK'])).toBe('CRIT');
  expect(worst(['WARN', 'CRIT', 'WARN'])).toBe('CRIT');
});
