import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  append,
  BINANCE,
  book,
  books,
  putArchive,
  putGap,
  putLive,
  SECOND,
  type Subject,
  T0,
  ticker,
  verified,
  verifiedChain,
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';

let dir: string;
beforeEach(async () => {
  dir = await tempFolder();
});
afterEach(() => removeFolder(dir));

const FX: Subject = { venue: 'bitflyer', symbol: 'BTC/JPY:JPY' };
const OKX: Subject = { venue: 'okx', symbol: 'BTC/USDT' };
const USDM: Subject = { venue: 'binance', symbol: 'BTC/USDT:USDT' };
/** A run of 5 rows, a run that was joined anew, and its changes. */
const ROWS = [...books(5), ...books(4, BINANCE, 900, T0 + 20 * SECOND)];
const HOLE = { local_ts: T0 / SECOND + 4, id: null, seq: 504 };

describe('a book that is continued', () => {
  it('is clean from its first snapshot on', async () => {
    putLive(dir, 'orderbook', books(20));
    const report = await verified(dir);
    expect(report).toMatchObject({ verdict: 'clean', exit_code: 0, holes: [] });
    expect(report.files[0]).toMatchObject({
      rows: 20,
      faults: {},
      ids: null,
      book: {
        snapshots: 1,
        continued: 0,
        unusable: 0,
        crossed: 0,
        crossed_longest_sec: 0,
        snapshot_parts: 0,
      },
    });
  });

  it('goes on over a new file that begins with our own snapshot', async () => {
    putArchive(dir, 'orderbook', books(5));
    const own = book({ us: T0 + 5 * SECOND, seq: 504 });
    const on = book({ us: T0 + 5 * SECOND, seq: 505, prev: 504, of: 504 });
    putLive(dir, 'orderbook', [own, on]);
    expect(await verifiedChain(dir)).toMatchObject({
      verdict: 'clean',
      book: { snapshots: 2, continued: 1 },
    });
  });

  it('joins where the first change reaches over its snapshot, and later nowhere', async () => {
    const join = [
      book({ us: T0, seq: 500 }),
      book({ us: T0 + 1, seq: 510, prev: 490, of: 500 }),
      book({ us: T0 + 2, seq: 511, prev: 510, of: 500 }),
    ];
    putLive(dir, 'orderbook', join);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
    putLive(dir, 'orderbook', [...join, book({ us: T0 + 3, seq: 520, prev: 495, of: 500 })]);
    expect((await verifiedChain(dir)).faults).toEqual({ broken: 1 });
    for (const [prev, seq] of [
      [501, 510],
      [490, 499],
    ] as const) {
      putLive(dir, 'orderbook', [book({ us: T0, seq: 500 }), book({ us: T0 + 1, seq, prev, of: 500 })]);
      expect((await verifiedChain(dir)).faults).toEqual({ broken: 1 });
    }
  });

  it('lets changes that waited stand behind their snapshot, and nothing else', async () => {
    const [waited, after] = [
      book({ us: T0 + 28 * SECOND, seq: 902, prev: 899, of: 900 }),
      book({ us: T0 + 31 * SECOND, seq: 903, prev: 902, of: 900 }),
    ];
    const snapshot = book({ us: T0 + 30 * SECOND, seq: 900 });
    putLive(dir, 'orderbook', [...books(5), snapshot, waited, after]);
    expect((await verifiedChain(dir)).faults).toEqual({});
    // Received before the row in front of the snapshot.
    const early = book({ us: T0 + 2 * SECOND, seq: 902, prev: 899, of: 900 });
    putLive(dir, 'orderbook', [...books(5), snapshot, early, after]);
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
    // A snapshot that was received before what stands in front of it.
    putLive(dir, 'orderbook', [...books(5), book({ us: T0 + SECOND, seq: 900 }), waited, after]);
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
  });

  it('follows a clock that was set back', async () => {
    const back = Array.from({ length: 4 }, (_, index) =>
      book({ us: T0 - (60 - index) * SECOND, seq: 505 + index, prev: 504 + index, of: 500 }),
    );
    putLive(dir, 'orderbook', [...books(5), ...back]);
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
    const [from_ts, to_ts] = [T0 / SECOND + 5, T0 / SECOND - 60];
    const step = {
      ts: to_ts,
      type: 'clock_step',
      scope: 'collector',
      step_sec: to_ts - from_ts,
      from_ts,
      to_ts,
    };
    append(dir, 'collector/events.jsonl', step);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', clock: { steps: 1 } });
  });
});

describe('a book that is not continued', () => {
  it('has a hole where it was joined anew', async () => {
    const file = putLive(dir, 'orderbook', ROWS);
    const { exit_code, holes, files } = await verified(dir);
    expect([exit_code, files[0]?.faults]).toEqual([2, {}]);
    expect(holes).toEqual([
      {
        kind: 'book',
        ...BINANCE,
        feed: 'orderbook',
        file,
        line: 7,
        from: HOLE,
        to: { local_ts: T0 / SECOND + 20, id: null, seq: 900 },
        missing: null,
        explained_by: [],
        hints: [],
      },
    ]);
  });

  it('is explained by the ledger, and then the rest must be whole', async () => {
    putLive(dir, 'orderbook', ROWS);
    const [from, to] = [{ local_ts: T0 / SECOND + 4 }, { local_ts: T0 / SECOND + 20 }];
    putGap(dir, { feed: 'orderbook', from, to, repaired: 'partial', id: 7 });
    expect(await verified(dir)).toMatchObject({ exit_code: 1, holes: [{ explained_by: [7] }] });
    putLive(dir, 'orderbook', ROWS.slice(1));
    expect((await verified(dir)).exit_code).toBe(2);
  });

  // Each but the last, which leaves no trace where no manifest counts it.
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('shows that row %i of 0 to 8 was left out', async (index) => {
    const [from, to] = [
      { local_ts: T0 / SECOND + 4, seq: 504 },
      { local_ts: T0 / SECOND + 20, seq: 900 },
    ];
    putGap(dir, { feed: 'orderbook', from, to });
    putLive(
      dir,
      'orderbook',
      ROWS.filter((_, at) => at !== index),
    );
    const { verdict, faults, holes } = await verifiedChain(dir);
    const expected = {
      0: { headless: 1 },
      // The last row of a run: its hole is longer than the ledger says.
      4: {},
      5: { broken: 1 },
    }[index];
    expect([index, verdict, faults]).toEqual([index, 'damaged', expected ?? { broken: 1 }]);
    expect(holes.unexplained).toBe(index === 4 ? 1 : 0);
  });

  it.each(ROWS.map((_, index) => index))('shows that row %i stands there twice', async (index) => {
    const rows = [...ROWS];
    rows.splice(index, 0, ROWS[index] ?? '');
    putLive(dir, 'orderbook', rows);
    const { verdict, faults, book: counts } = await verifiedChain(dir);
    expect([verdict, faults, counts?.unusable]).toEqual(['damaged', { repeated: 1 }, 0]);
  });

  it('tells the same number at a later time from the same row', async () => {
    const later = book({ us: T0 + 4 * SECOND, seq: 503, prev: 502, of: 500 });
    putLive(dir, 'orderbook', [...books(4), later, ...books(6).slice(4)]);
    expect((await verifiedChain(dir)).faults).toEqual({ broken: 1 });
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('shows that row %i stands behind the next', async (index) => {
    const rows = [...ROWS];
    rows.splice(index, 2, ROWS[index + 1] ?? '', ROWS[index] ?? '');
    putLive(dir, 'orderbook', rows);
    const { verdict, faults } = await verifiedChain(dir);
    expect(verdict).toBe('damaged');
    expect((faults.broken ?? 0) + (faults.headless ?? 0)).toBeGreaterThan(0);
  });

  it('wants a snapshot at the beginning of each file', async () => {
    putArchive(dir, 'orderbook', books(3));
    putLive(dir, 'orderbook', [book({ us: T0 + 3 * SECOND, seq: 503, prev: 502, of: 500 })]);
    expect(await verifiedChain(dir)).toMatchObject({ faults: { headless: 1 }, fault_list: [{ line: 2 }] });
  });

  it('counts the rows that no book can take, up to the next snapshot', async () => {
    const [a = '', b = '', , d = '', e = ''] = ROWS;
    putLive(dir, 'orderbook', [a, b, d, e, ...ROWS.slice(5)]);
    const { faults, fault_list, book: told } = await verifiedChain(dir);
    expect([faults, told?.unusable]).toEqual([{ broken: 1 }, 2]);
    expect(fault_list[0]?.message).toBe('501 (of snapshot 500) is followed by 502 (of 500)');
  });

  it('knows the snapshot that each row follows', async () => {
    const [first = '', ...rest] = ROWS;
    putLive(dir, 'orderbook', [first, ...rest.slice(0, 4), ...ROWS.slice(6)]);
    expect((await verifiedChain(dir)).faults).toEqual({ broken: 1 });
  });
});

describe('venues of their own kind', () => {
  it('does not take our own count of bitFlyer for a proof', async () => {
    const again = books(3, FX, 504, T0 + 20 * SECOND);
    putLive(dir, 'orderbook', [...books(5, FX), ...again], FX);
    const { holes } = await verified(dir);
    expect(holes).toMatchObject([{ kind: 'book', from: { seq: 504 }, to: { seq: 504 } }]);
    // In a file of its own it is the one that begins each file.
    putArchive(dir, 'orderbook', books(5, FX), { subject: FX });
    putLive(dir, 'orderbook', again, FX);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
    // Where such a snapshot is left out, the count goes on, but not as of the snapshot before.
    putLive(dir, 'orderbook', [...again, ...books(4, FX, 506, T0 + 40 * SECOND).slice(1)], FX);
    expect((await verifiedChain(dir)).faults).toEqual({ broken: 1 });
    // On a venue that numbers, nothing can lie between two equal numbers.
    putLive(dir, 'orderbook', [...books(5, OKX), ...books(3, OKX, 504, T0 + 20 * SECOND)], OKX);
    const report = await verified(dir);
    expect(report.files.find(({ venue }) => venue === 'okx')).toMatchObject({ verdict: 'clean' });
  });

  it('lets OKX say that nothing changed, once', async () => {
    const idle = book({ us: T0 + 5 * SECOND, seq: 504, prev: 504, of: 500, bids: [] }, OKX);
    const later = book({ us: T0 + 6 * SECOND, seq: 504, prev: 504, of: 500, bids: [] }, OKX);
    putLive(dir, 'orderbook', [...books(5, OKX), idle, later], OKX);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
    putLive(dir, 'orderbook', [...books(5, OKX), idle, idle], OKX);
    expect((await verifiedChain(dir)).faults).toEqual({ repeated: 1 });
  });

  it('tells two snapshots of one number and moment of receipt from the same row by the venue’s time', async () => {
    const late = book({ us: T0 + 5 * SECOND, seq: 504 }, OKX);
    const other = late.replace(/^((?:[^,]*,){2})\d+/, `$1${T0}`);
    putLive(dir, 'orderbook', [...books(5, OKX), late, other], OKX);
    expect(await verifiedChain(dir)).toMatchObject({ faults: {}, verdict: 'clean' });
    putLive(dir, 'orderbook', [...books(5, OKX), late, late], OKX);
    expect((await verifiedChain(dir)).faults).toEqual({ repeated: 1 });
  });

  it('lets OKX begin its numbers anew, chained as they are', async () => {
    const reset = [
      book({ us: T0 + 5 * SECOND, seq: 7, prev: 504, of: 500 }, OKX),
      book({ us: T0 + 6 * SECOND, seq: 9, prev: 7, of: 500 }, OKX),
    ];
    putLive(dir, 'orderbook', [...books(5, OKX), ...reset], OKX);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
  });

  it('has no numbers to go by in old OKX recordings', async () => {
    const rows = [0, 1, 2].map((second) =>
      second === 0
        ? book({ us: T0, seq: null }, OKX)
        : book({ us: T0 + second * SECOND, seq: null, prev: null, of: null }, OKX),
    );
    putLive(dir, 'orderbook', rows, OKX);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
  });

  it('counts no hole between snapshots of a channel that sends nothing else', async () => {
    const rows = Array.from({ length: 30 }, (_, index) =>
      book({ us: T0 + index * SECOND, seq: 500 + 3 * index }, USDM),
    );
    putLive(dir, 'orderbook', rows, USDM);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', book: { snapshot_parts: 1 } });
    // A few snapshots are no such channel.
    putLive(dir, 'orderbook', rows.slice(0, 3), USDM);
    expect((await verifiedChain(dir)).holes.unexplained).toBe(2);
    // Nor is one that has a change.
    const change = book({ us: T0 + 8 * SECOND, seq: 513, prev: 512, of: 512 }, USDM);
    putLive(dir, 'orderbook', [...rows.slice(0, 5), change, ...rows.slice(9, 11)], USDM);
    expect((await verifiedChain(dir)).holes.unexplained).toBe(6);
  });
});

describe('a crossed book', () => {
  const cross = (us: number, seq: number) => book({ us, seq, prev: seq - 1, of: 500, bids: [['101', '5']] });
  const heal = (us: number, seq: number) =>
    book({ us, seq, prev: seq - 1, of: 500, bids: [], asks: [['101', '0']] });

  it('is found, with how long it lasted', async () => {
    const rows = [...books(3), cross(T0 + 3 * SECOND, 503), heal(T0 + 5.5 * SECOND, 504)];
    const file = putLive(dir, 'orderbook', rows);
    expect(await verifiedChain(dir)).toMatchObject({
      verdict: 'damaged',
      faults: { crossed: 1 },
      fault_list: [
        {
          kind: 'crossed',
          file,
          line: 5,
          local_ts: T0 / SECOND + 3,
          message: 'the book is crossed for 2.5 s',
        },
      ],
      book: { crossed: 1, crossed_longest_sec: 2.5 },
    });
  });

  it('is looked at when the messages of a moment are complete', async () => {
    const us = T0 + 3 * SECOND;
    putLive(dir, 'orderbook', [...books(3), cross(us, 503), heal(us, 504)]);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
  });

  it('is found in the last row of all, and once however many rows it lasts', async () => {
    const rows = [...books(3), cross(T0 + 3 * SECOND, 503)];
    putLive(dir, 'orderbook', rows);
    expect((await verifiedChain(dir)).faults).toEqual({ crossed: 1 });
    const on = [4, 5].map((index) =>
      book({ us: T0 + index * SECOND, seq: 500 + index, prev: 499 + index, of: 500 }),
    );
    putLive(dir, 'orderbook', [...rows, ...on]);
    expect(await verifiedChain(dir)).toMatchObject({
      faults: { crossed: 1 },
      book: { crossed_longest_sec: 2 },
    });
  });

  it('is counted alone for less than 10 s where the venue numbers nothing', async () => {
    const crossedFor = (sec: number) => {
      const from = T0 + 3 * SECOND;
      const row = (
        us: number,
        seq: number,
        bids: readonly (readonly [string, string])[],
        asks: typeof bids,
      ) => book({ us, seq, prev: seq - 1, of: 500, bids, asks }, FX);
      const rows = [row(from, 503, [['101', '5']], []), row(from + sec * SECOND, 504, [], [['101', '0']])];
      putLive(dir, 'orderbook', [...books(3, FX), ...rows], FX);
      return verifiedChain(dir);
    };
    expect(await crossedFor(9)).toMatchObject({
      verdict: 'clean',
      book: { crossed: 1, crossed_longest_sec: 9 },
    });
    expect(await crossedFor(11)).toMatchObject({ verdict: 'damaged', faults: { crossed: 1 } });
  });

  it('is the venue’s own where the snapshot that joins the book is crossed, and a fault where a change crosses it', async () => {
    const crossed = (us: number, seq: number) => book({ us, seq, bids: [['103', '1']] }, OKX);
    const from = T0 + 3 * SECOND;
    putLive(
      dir,
      'orderbook',
      [crossed(from, 700), crossed(from + 60 * SECOND, 800), ...books(3, OKX, 900, from + 90 * SECOND)],
      OKX,
    );
    const { faults, book: counts } = await verifiedChain(dir);
    expect([faults, counts?.crossed]).toEqual([{}, 2]);
    // Our own snapshot, which goes on, is no word of the venue.
    const own = book({ us: from + 100 * SECOND, seq: 502, bids: [['103', '1']] }, OKX);
    putLive(dir, 'orderbook', [...books(3, OKX), own], OKX);
    expect((await verifiedChain(dir)).faults).toEqual({ crossed: 1 });
  });

  it('is a hole where the ledger covers it', async () => {
    putLive(dir, 'orderbook', [...books(3), cross(T0 + 3 * SECOND, 503), heal(T0 + 5 * SECOND, 504)]);
    const [from, to] = [{ local_ts: T0 / SECOND + 3 }, { local_ts: T0 / SECOND + 5 }];
    putGap(dir, { feed: 'orderbook', kind: 'drift', from, to });
    expect(await verified(dir)).toMatchObject({
      exit_code: 1,
      files: [{ faults: {}, book: { crossed: 1 } }],
    });
  });
});

describe('rows that are none', () => {
  const row = book({ us: T0 + SECOND, seq: 501, prev: 500, of: 500 });
  it.each([
    ['is_snapshot', row.replace(',false,', ',False,'), 'is_snapshot: "False"'],
    ['sequence', row.replace(',501,', ',x,'), 'sequence: "x"'],
    ['prev_sequence', row.replace(',500,500', ',5.0,500'), 'prev_sequence: "5.0"'],
    ['snapshot_sequence', row.replace(/500$/, '-'), 'snapshot_sequence: "-"'],
    ['levels that are no JSON', row.replace('[[', '[['.slice(1)), 'bids: "[\\"100\\",\\"3\\"]]"'],
    ['a level of one', row.replace(',""3""', ''), 'bids: "[[\\"100\\"]]"'],
    ['a level of numbers', row.replace('""3""', '3'), 'bids: "[[\\"100\\",3]]"'],
    ['an amount below zero', row.replace('""3""', '""-3""'), 'bids: "[[\\"100\\",\\"-3\\"]]"'],
    ['asks that are missing', row.replace(',[],', ',,'), 'asks: ""'],
  ])('%s', async (_, line, message) => {
    putLive(dir, 'orderbook', [...books(1), line]);
    expect(await verifiedChain(dir)).toMatchObject({
      faults: { malformed: 1 },
      fault_list: [{ line: 3, message }],
    });
  });

  it('a snapshot that follows something', async () => {
    const snapshot = book({ us: T0, seq: 500 });
    putLive(dir, 'orderbook', [snapshot.replace(',,500', ',499,500')]);
    expect((await verifiedChain(dir)).fault_list[0]?.message).toBe('prev_sequence: "499"');
    putLive(dir, 'orderbook', [snapshot.replace(',,500', ',,400')]);
    expect((await verifiedChain(dir)).fault_list[0]?.message).toBe('snapshot_sequence: "400"');
  });
});

describe('tickers', () => {
  it('are in order of receipt, and their cells are numbers or empty', async () => {
    const rows = [0, 1, 2].map((second) => ticker(T0 + second * SECOND));
    putLive(dir, 'ticker', rows);
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', ids: null, book: null });
    const [a = '', b = '', c = ''] = rows;
    putLive(dir, 'ticker', [a, c, b]);
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
    putLive(dir, 'ticker', [a, b.replace('67000.2', 'NaN'), c]);
    expect((await verifiedChain(dir)).fault_list).toMatchObject([{ line: 3, message: 'ask_price: "NaN"' }]);
  });

  it('knows a corrected clock by the venue time, where the row has one', async () => {
    const back = (timestampUs: number) => [ticker(T0), ticker(T0 - 100_000, BINANCE, timestampUs)];
    putLive(dir, 'ticker', back(T0));
    expect(await verifiedChain(dir)).toMatchObject({ verdict: 'clean', clock: { corrections: 1 } });
    putLive(dir, 'ticker', back(T0 - 102_000));
    expect((await verifiedChain(dir)).faults).toEqual({ order: 1 });
    // Ours in the place of the venue's says nothing more.
    putLive(dir, 'ticker', [ticker(T0, BINANCE, T0), ticker(T0 - 100_000, BINANCE, T0 - 100_000)]);
    expect((await verifiedChain(dir)).verdict).toBe('clean');
  });
});
