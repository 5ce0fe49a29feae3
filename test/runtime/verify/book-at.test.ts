import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { levelsOf } from '../../../src/core/book.ts';
import { type BookAt, bookAt } from '../../../src/runtime/verify/book-at.ts';
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
} from '../../support/data-files.ts';
import { removeFolder, tempFolder } from '../../support/files.ts';

let dir: string;
beforeEach(async () => {
  dir = await tempFolder();
});
afterEach(() => removeFolder(dir));

const FX: Subject = { venue: 'bitflyer', symbol: 'BTC/JPY' };

const at = (second: number, subject = BINANCE) =>
  bookAt({ dataDir: dir, ...subject, atUs: T0 + second * SECOND });

async function found(second: number): Promise<BookAt> {
  const result = await at(second);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

async function refused(second: number): Promise<readonly [string, string]> {
  const result = await at(second);
  if (result.ok) throw new Error(`a book of row ${result.value.line}`);
  return [result.error.code, result.error.message];
}

const bids = (one: BookAt) => levelsOf(one.book.bids);
const change = (second: number, seq: number, price: string, amount: string, of = 500) =>
  book({ us: T0 + second * SECOND, seq, prev: seq - 1, of, bids: [[price, amount]] });

describe('the book at a moment', () => {
  it('is made of every row that was received by then', async () => {
    const file = putLive(dir, 'orderbook', [
      book({ us: T0, seq: 500 }),
      change(1, 501, '98', '7'),
      change(2, 502, '99', '0.0'),
      change(3, 503, '100', '5'),
    ]);
    const first = await found(0);
    expect(first).toMatchObject({ ...BINANCE, file, line: 2, appliedUs: T0, isLast: false });
    expect(bids(first)).toEqual([
      ['100', '1'],
      ['99', '2'],
    ]);
    expect(bids(await found(1.999999))).toEqual([
      ['100', '1'],
      ['99', '2'],
      ['98', '7'],
    ]);
    const second = await found(2);
    expect([second.line, second.row.sequence, second.row.snapshotSequence]).toEqual([4, 502, 500]);
    expect(bids(second)).toEqual([
      ['100', '1'],
      ['98', '7'],
    ]);
    const last = await found(1_000);
    expect([last.isLast, last.row.sequence, last.appliedUs]).toEqual([true, 503, T0 + 3 * SECOND]);
    expect(levelsOf(last.book.asks)).toEqual([
      ['101', '1'],
      ['102', '2'],
    ]);
  });

  it('holds what waited for its snapshot from that moment on', async () => {
    putLive(dir, 'orderbook', [
      book({ us: T0 + 5 * SECOND, seq: 500 }),
      change(4, 501, '98', '7'),
      change(6, 502, '97', '7'),
    ]);
    expect(await refused(4.5)).toEqual(['before', 'the first snapshot is of 2026-11-21T09:00:05.000000Z']);
    expect(bids(await found(5)).length).toBe(3);
    expect(await found(5.5)).toMatchObject({ line: 3, appliedUs: T0 + 5 * SECOND });
  });

  it('is looked for in the file that had begun by then', async () => {
    putArchive(dir, 'orderbook', books(3));
    const own = (first: number, second: number) => [
      book({ us: T0 + second * SECOND, seq: first, bids: [['100', '3']] }),
      change(second, first + 1, '98', '7', first),
    ];
    const middle = putArchive(dir, 'orderbook', own(502, 10), { number: 2 });
    putLive(dir, 'orderbook', own(503, 20));
    expect((await found(2)).row.sequence).toBe(502);
    // Our own snapshot at the turn leaves nothing out.
    expect((await found(9)).row.sequence).toBe(502);
    expect(await found(15)).toMatchObject({ file: middle, line: 3, isLast: false });
    expect((await found(25)).row.sequence).toBe(504);

    rmSync(join(dir, middle));
    expect(await refused(15)).toEqual([
      'hole',
      expect.stringMatching(
        /002\.csv\.gz is not there \(missing\); what is there begins at 2026-11-21T09:00:20/,
      ),
    ]);
    append(dir, 'raw/archive/removed.jsonl', { file: middle, ts: 1, reason: 'age' });
    expect(await refused(9)).toEqual(['hole', expect.stringContaining('is not there')]);
    expect((await found(1)).row.sequence).toBe(501);
  });
});

describe('no book is known', () => {
  it('before the first snapshot', async () => {
    putLive(dir, 'orderbook', books(3));
    expect(await refused(-1)).toEqual(['before', 'the first snapshot is of 2026-11-21T09:00:00.000000Z']);
  });

  it('between the last row and the snapshot that joined it anew', async () => {
    putLive(dir, 'orderbook', [...books(3), ...books(3, BINANCE, 900, T0 + 20 * SECOND)]);
    expect((await found(1)).row.sequence).toBe(501);
    const between = 'no book is known between 2026-11-21T09:00:02.000000Z and 2026-11-21T09:00:20.000000Z';
    expect(await refused(10)).toEqual(['hole', between]);
    expect(await refused(2.000001)).toEqual(['hole', between]);
    expect((await found(2)).row.sequence).toBe(502);
    expect((await found(20)).row.sequence).toBe(900);
  });

  it('between snapshots of a channel that sends nothing else, but at each of them', async () => {
    putLive(
      dir,
      'orderbook',
      [0, 1, 2].map((second) => book({ us: T0 + second * SECOND, seq: 500 + 3 * second })),
    );
    for (const second of [0, 1]) expect((await found(second)).line).toBe(2 + second);
    expect((await refused(0.5))[0]).toBe('hole');
  });

  it('nor where that snapshot begins a file', async () => {
    putArchive(dir, 'orderbook', books(3));
    putLive(dir, 'orderbook', books(3, BINANCE, 900, T0 + 20 * SECOND));
    expect((await refused(10))[0]).toBe('hole');
    expect((await found(1)).row.sequence).toBe(501);
  });

  it('behind a row that is missing, up to the next snapshot', async () => {
    const rows = books(6);
    putLive(dir, 'orderbook', [
      ...rows.filter((_, index) => index !== 3),
      ...books(2, BINANCE, 900, T0 + 20 * SECOND),
    ]);
    expect((await found(1)).row.sequence).toBe(501);
    expect(await refused(2.5)).toEqual([
      'hole',
      expect.stringContaining('09:00:02.000000Z and 2026-11-21T09:00:04'),
    ]);
    expect(await refused(10)).toEqual([
      'hole',
      expect.stringContaining('do not continue one another since 2026-11-21T09:00:04.000000Z'),
    ]);
    expect((await found(20)).row.sequence).toBe(900);
  });

  it('within a gap that the ledger tells of', async () => {
    putLive(dir, 'orderbook', books(30));
    const edge = (second: number) => ({ local_ts: T0 / SECOND + second });
    putGap(dir, { feed: 'orderbook', kind: 'drift', from: edge(5), to: edge(9) });
    const told =
      'the ledger tells of a gap (drift) from 2026-11-21T09:00:05.000000Z to 2026-11-21T09:00:09.000000Z';
    expect(await refused(7)).toEqual(['hole', told]);
    expect((await found(5)).row.sequence).toBe(505);
    expect((await found(9)).row.sequence).toBe(509);
  });

  it('of another symbol that has the same file name', async () => {
    putLive(dir, 'orderbook', books(3));
    for (const subject of [
      { venue: 'binance', symbol: 'BTC-USDT' },
      { venue: 'binance-BTC', symbol: 'USDT' },
    ])
      expect(await at(1, subject)).toMatchObject({
        error: { code: 'before', message: `there is no row of ${subject.venue} ${subject.symbol}` },
      });
  });

  it('by our own count of bitFlyer across a snapshot', async () => {
    putLive(dir, 'orderbook', [...books(3, FX), ...books(2, FX, 502, T0 + 20 * SECOND)], FX);
    const between = await at(10, FX);
    expect(between).toMatchObject({ error: { code: 'hole' } });
  });
});

describe('the venue', () => {
  it('need not be told where there is only one', async () => {
    putLive(dir, 'orderbook', books(3));
    const query = { dataDir: dir, venue: null, symbol: 'BTC/USDT', atUs: T0 };
    expect(await bookAt(query)).toMatchObject({ value: { venue: 'binance' } });
    putLive(dir, 'orderbook', books(3, { venue: 'okx', symbol: 'BTC/USDT' }), {
      venue: 'okx',
      symbol: 'BTC/USDT',
    });
    expect(await bookAt(query)).toMatchObject({
      error: { code: 'unknown', message: 'BTC/USDT was recorded of binance, okx: say which with --venue' },
    });
    expect(await bookAt({ ...query, venue: 'okx' })).toMatchObject({ value: { venue: 'okx' } });
    expect(await bookAt({ ...query, venue: 'bybit' })).toMatchObject({ error: { code: 'unknown' } });
    expect(await bookAt({ ...query, symbol: 'USDT' })).toMatchObject({ error: { code: 'unknown' } });
  });
});
