import { describe, expect, it } from 'vitest';
import { createGapLedger, type HoleBounds } from '../../../src/runtime/verify/ledger.ts';

const TRADES = { venue: 'binance', feed: 'trades', symbol: 'BTC/USDT' };
const BOOKS = { venue: 'binance', feed: 'orderbook', symbol: 'BTC/USDT' };
const S = 1_000_000;
const T = 1_795_251_600;

interface Side {
  readonly id?: string | number;
  readonly seq?: number;
  readonly local_ts?: number;
}

const gap = (from: Side, to: Side | null, more: object = {}) => ({
  id: 'g1',
  ts: T + 30,
  state: 'closed',
  ...TRADES,
  kind: 'disconnect',
  from,
  to,
  repaired: 'none',
  how: null,
  missing: null,
  ...more,
});

/** Ids 101 to 104 are missing between rows of second 10 and 20. */
const IDS: HoleBounds = { fromUs: (T + 10) * S, toUs: (T + 20) * S, ids: [101, 104], seqs: null };
/** A snapshot 900 of second 20 behind a row 504 of second 10. */
const BOOK: HoleBounds = { fromUs: (T + 10) * S, toUs: (T + 20) * S, ids: null, seqs: [504, 900] };

function explained(
  lines: readonly unknown[],
  hole: HoleBounds,
  subject = TRADES,
): readonly (string | number)[] {
  const ledger = createGapLedger();
  for (const line of lines) expect(ledger.take(line)).toBe(true);
  return ledger.explain(subject, hole).map(({ id }) => id);
}

const times = (from: number, to: number | null): readonly [Side, Side | null] => [
  { local_ts: T + from },
  to === null ? null : { local_ts: T + to },
];

describe('a hole among trades', () => {
  it.each([
    ['the rows next to it', 100, 105, true],
    ['as text', '100', '105', true],
    ['the missing ids themselves', 101, 104, true],
    ['more', 50, 300, true],
    ['fewer at its beginning', 102, 105, false],
    ['fewer at its end', 100, 103, false],
    ['others', 200, 300, false],
  ])('is explained by ids: %s', (_, from, to, is) => {
    // The ids decide, whatever the times are.
    const line = gap({ id: from, local_ts: T + 12 }, { id: to, local_ts: T + 13 });
    expect(explained([line], IDS)).toEqual(is ? ['g1'] : []);
    const wide = gap({ id: from, local_ts: T }, { id: to, local_ts: T + 100 });
    expect(explained([wide], IDS)).toEqual(is ? ['g1'] : []);
  });

  it.each([
    ['just it', 10, 20, true],
    ['more', 0, 100, true],
    ['a second less on both sides', 11, 19, true],
    ['less at its beginning', 11.1, 20, false],
    ['less at its end', 10, 18.9, false],
    ['nothing of it', 30, 40, false],
  ])('is explained by times where there are no ids: %s', (_, from, to, is) => {
    expect(explained([gap(...times(from, to))], IDS)).toEqual(is ? ['g1'] : []);
  });

  it('is not explained by a gap that the ledger calls repaired in full', () => {
    for (const repaired of ['none', 'partial', 'full'] as const) {
      const expected = repaired === 'full' ? [] : ['g1'];
      expect(explained([gap({ id: 100 }, { id: 105 }, { repaired })], IDS)).toEqual(expected);
      expect(explained([gap(...times(10, 20), { repaired })], IDS)).toEqual(expected);
    }
  });

  it.each([
    ['venue', { venue: 'okx' }],
    ['feed', { feed: 'ticker' }],
    ['symbol', { symbol: 'BTC/USDT:USDT' }],
  ])('is not explained by a gap of another %s', (_, other) => {
    expect(explained([gap({ id: 100 }, { id: 105 }, other)], IDS)).toEqual([]);
  });

  it('is explained by gaps that follow one another, and not over a rest between them', () => {
    const lines = [
      gap({ id: 103 }, { id: 105 }, { id: 'b' }),
      gap({ id: 100 }, { id: 102 }, { id: 'a' }),
      gap({ id: 300 }, { id: 400 }, { id: 'c' }),
    ];
    expect(explained(lines, IDS)).toEqual(['a', 'b']);
    expect(explained([gap({ id: 104 }, { id: 105 }, { id: 'b' }), ...lines.slice(1)], IDS)).toEqual([]);
    const two = [gap(...times(14, 20), { id: 'b' }), gap(...times(10, 14), { id: 'a' })];
    expect(explained(two, IDS)).toEqual(['a', 'b']);
    expect(explained([gap(...times(17, 20), { id: 'b' }), gap(...times(10, 14), { id: 'a' })], IDS)).toEqual(
      [],
    );
  });
});

describe('a gap', () => {
  it('that is open reaches to now', () => {
    expect(explained([gap(...times(10, null), { state: 'open' })], IDS)).toEqual(['g1']);
    expect(explained([gap({ id: 100 }, null, { state: 'open' })], IDS)).toEqual(['g1']);
    expect(explained([gap(...times(12, null), { state: 'open' })], IDS)).toEqual([]);
  });

  it('that is open and has a row behind it reaches to that row alone', () => {
    const open = { state: 'open', repaired: null };
    expect(explained([gap({ id: 100 }, { id: 105 }, open)], IDS)).toEqual(['g1']);
    expect(explained([gap({ id: 50 }, { id: 60 }, open)], IDS)).toEqual([]);
    expect(explained([gap(...times(1, 5), open)], IDS)).toEqual([]);
    expect(explained([gap({ id: 50, local_ts: T }, { id: 'x', local_ts: T + 5 }, open)], IDS)).toEqual([]);
  });

  it('is what its last line says, and keeps what only the first one told', () => {
    const open = gap({ id: 100, local_ts: T + 10 }, null, { state: 'open', repaired: null });
    expect(explained([open, gap({}, { id: 103 })], IDS)).toEqual([]);
    expect(explained([open, gap({}, { id: 105 })], IDS)).toEqual(['g1']);
    expect(explained([open, gap({}, { id: 105 }, { repaired: 'full' })], IDS)).toEqual([]);
  });

  it('that closed keeps the time at which it opened', () => {
    const open = gap({ local_ts: T + 10 }, null, { state: 'open', ts: T + 29 });
    expect(explained([open, gap({}, { local_ts: T + 20 })], IDS)).toEqual(['g1']);
    expect(explained([open, gap({ local_ts: T + 14 }, { local_ts: T + 20 })], IDS)).toEqual([]);
  });

  it('that closed without a time closed when that was written', () => {
    expect(explained([gap({ local_ts: T + 10 }, null)], IDS)).toEqual(['g1']);
    expect(explained([gap({ local_ts: T + 10 }, null, { ts: T + 15 })], IDS)).toEqual([]);
  });

  it.each([
    ['no object', 'text'],
    ['without an id', { ...gap({}, null), id: undefined }],
    ['another state', gap({}, null, { state: 'shut' })],
    ['without a symbol', gap({}, null, { symbol: null })],
    ['a time as text', gap({}, null, { ts: '1' })],
    ['a time that is none', gap({}, null, { ts: 1e30 })],
    ['a side of a time that is none', gap({ local_ts: -1e30 }, null)],
    ['a repair of another kind', gap({}, null, { repaired: 'yes' })],
  ])('is no line: %s', (_, line) => expect(createGapLedger().take(line)).toBe(false));
});

describe('a hole in a book', () => {
  const book = (from: Side, to: Side | null, more: object = {}) => gap(from, to, { ...BOOKS, ...more });

  it('is explained by times', () => {
    expect(explained([book(...times(10, 20), { repaired: 'partial' })], BOOK, BOOKS)).toEqual(['g1']);
    expect(explained([book(...times(12, 20))], BOOK, BOOKS)).toEqual([]);
    expect(explained([book(...times(10, 18))], BOOK, BOOKS)).toEqual([]);
  });

  it('is not explained by a gap that the ledger calls repaired in full: then nothing is missing', () => {
    expect(explained([book(...times(10, 20), { repaired: 'full' })], BOOK, BOOKS)).toEqual([]);
    expect(explained([book({ seq: 504 }, { seq: 900 }, { repaired: 'full' })], BOOK, BOOKS)).toEqual([]);
  });

  it('and by numbers too where both have them: rows at its edges must not be missing', () => {
    const numbered = (from: number, to: number) =>
      book({ local_ts: T + 10.9, seq: from }, { local_ts: T + 20, seq: to });
    expect(explained([numbered(504, 900)], BOOK, BOOKS)).toEqual(['g1']);
    expect(explained([numbered(504, 903)], BOOK, BOOKS)).toEqual(['g1']);
    expect(explained([numbered(505, 900)], BOOK, BOOKS)).toEqual([]);
    expect(explained([numbered(504, 899)], BOOK, BOOKS)).toEqual([]);
  });

  it('by equal numbers where the ledger has no times', () => {
    expect(explained([book({ seq: 504 }, { seq: 900 })], BOOK, BOOKS)).toEqual(['g1']);
    expect(explained([book({ seq: 503 }, { seq: 900 })], BOOK, BOOKS)).toEqual([]);
    expect(explained([book({ seq: 504 }, { seq: 901 })], BOOK, BOOKS)).toEqual([]);
  });
});

it('lines that the collector could not write are told by it, and explain nothing', () => {
  const [from, to] = times(10, 20);
  expect(explained([{ ts: T, lost: 3 }], BOOK)).toEqual([]);
  expect(explained([{ ts: T, lost: 3 }, gap(from, to)], IDS)).toEqual(['g1']);
  for (const line of [{ ts: T, lost: 0 }, { ts: T, lost: 'some' }, { lost: 3 }])
    expect(createGapLedger().take(line)).toBe(false);
});
