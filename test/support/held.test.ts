/** What the fault tests call held: proved on rows made by hand. */

import { describe, expect, test } from 'vitest';
import type { CsvRecord } from '../../src/io/csv-read.ts';
import type { JournalLine } from './collector.ts';
import { heldBook, heldTicker, heldTrades } from './held.ts';

const LINE = {
  ...{
    ts: 1,
    venue: 'okx',
    symbol: 'BTC/USDT:USDT',
    id: '',
    side: '',
    price: '',
    amount: '',
    timestampUs: 1,
  },
  ...{ snapshot: false, sequence: null, prevSequence: null, bids: [], asks: [] },
};

describe('trades', () => {
  const sent = (conn: string, id: string): JournalLine => ({ ...LINE, conn, id });
  const row = (id: string): CsvRecord => ({ id, side: '', price: '', amount: '', timestamp: '1' });
  const journal = [sent('a', '1'), sent('a', '2'), sent('a', '3'), sent('b', '5'), sent('b', '6')];
  const held = (...ids: readonly string[]) =>
    heldTrades(ids.map(row), journal).map(({ conn, recorded }) => `${conn}${recorded}`);

  test('the beginning of what each connection was told', () => {
    expect(held('1', '2', '3', '5', '6')).toEqual(['a3', 'b2']);
    expect(held('1', '5')).toEqual(['a1', 'b1']);
    expect(held('5')).toEqual(['a0', 'b1']);
  });

  test('what an ended connection lost, and what was sent to nobody, can be fetched later', () => {
    expect(held('1', '5', '2')).toEqual(['a1', 'b1']);
    const more = heldTrades(['5', '4', '6'].map(row), [...journal, sent('rest', '4')]);
    expect(more.map(({ recorded }) => recorded)).toEqual([0, 2]);
    expect(() => held('1', '1')).toThrow('trade 1 stands there twice');
  });

  test.each([
    ['a hole', ['1', '3']],
    ['a hole at a beginning', ['1', '6']],
    ['another order', ['2', '1']],
    ['a row of nobody', ['1', '4']],
  ])('%s is none', (_, ids) => {
    expect(() => held(...ids)).toThrow('is not what a connection was told next');
  });
});

describe('a book', () => {
  type Levels = JournalLine['bids'];
  const book = (conn: string, sequence: number, prevSequence: number | null, bids: Levels): JournalLine => ({
    ...{ ...LINE, conn, sequence, prevSequence, bids },
    snapshot: prevSequence === null,
  });
  const row = (sequence: number, prev: number | null, bids: Levels, snapshot: number): CsvRecord => ({
    ...{ is_snapshot: String(prev === null), sequence: String(sequence), prev_sequence: String(prev ?? '') },
    ...{ snapshot_sequence: String(snapshot), bids: JSON.stringify(bids), asks: '[]' },
  });
  const journal = [
    book('a', 10, null, [['1', '5']]),
    book('a', 12, 10, [['2', '6']]),
    book('a', 13, 12, [['1', '0']]),
    book('b', 20, null, [['7', '7']]),
    book('b', 21, 20, [['8', '8']]),
  ];
  const first = [row(10, null, [['1', '5']], 10), row(12, 10, [['2', '6']], 10)];
  const second = [row(20, null, [['7', '7']], 20), row(21, 20, [['8', '8']], 20)];
  const held = (...rows: readonly CsvRecord[]) =>
    heldBook(rows, journal).map(({ conn, recorded, sent }) => `${conn}${recorded}/${sent.length}`);

  test('snapshots as sent, and the beginning of what followed them', () => {
    expect(held(...first, ...second)).toEqual(['a1/2', 'b1/1']);
    expect(held(...first, row(13, 12, [['1', '0']], 10))).toEqual(['a2/2']);
  });

  test('the kept book again at the head of a new file', () => {
    const kept: Levels = [
      ['2', '6'],
      ['1', '5'],
    ];
    expect(held(...first, row(12, null, kept, 12), row(13, 12, [['1', '0']], 12))).toEqual(['a2/2']);
    expect(() => held(...first, row(12, null, [['2', '6']], 12))).toThrow('neither sent nor those before it');
  });

  test('a snapshot of nobody, a hole, a row twice, a chain that is broken', () => {
    expect(() => held(row(11, null, [['1', '5']], 11))).toThrow('snapshot 11 was not sent');
    expect(() => held(...first.slice(0, 1), row(13, 12, [['1', '0']], 10))).toThrow('not what follows');
    expect(() => held(...first, ...first.slice(1))).toThrow('not what was sent next');
    expect(() => held(...first.slice(0, 1), row(12, 10, [['2', '6']], 9))).toThrow('does not continue');
  });
});

test('tickers: each message at most one row, those without a time under ours', () => {
  const journal = [5, 5, null].map((timestampUs): JournalLine => ({ ...LINE, conn: 'a', timestampUs }));
  const row = (timestamp: string, local_timestamp: string): CsvRecord => ({ timestamp, local_timestamp });
  heldTicker([row('5', '6'), row('5', '7'), row('8', '8')], journal);
  expect(() => heldTicker([row('5', '6'), row('5', '7'), row('5', '8')], journal)).toThrow('was not sent');
  expect(() => heldTicker([row('8', '8'), row('9', '9')], journal)).toThrow('was not sent');
});
