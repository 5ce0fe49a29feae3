import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch } from '../../src/core/batch.ts';
import { encodeRow } from '../../src/core/csv.ts';
import type { BookChange, MarketEvent, Ticker, Trade } from '../../src/core/event.ts';
import { BOOK, encodeEvent, HEADERS, rowPrefix, TRADE } from '../../src/flow/rows.ts';
import { createBatcher } from '../../src/runtime/batcher.ts';
import { manualClock } from '../support/clock.ts';

const trade = (symbol: string, id: string, localUs = 1): Trade => ({
  type: 'trade',
  symbol,
  timestampUs: 5,
  localUs,
  id,
  side: 'sell',
  price: '1.50',
  amount: '2',
});

function setup(more: { readonly queueBytes?: number } = {}) {
  const clock = manualClock();
  const batches: Batch[] = [];
  const batcher = createBatcher({
    venue: 'x',
    feed: 'trades',
    clock,
    delayMs: 20,
    maxEvents: 4,
    maxBytes: 1_000_000,
    queueBytes: more.queueBytes ?? 1_000_000,
    send: (batch) => batches.push(batch),
  });
  return { clock, batches, batcher };
}

const text = (batch: Batch, part: number): string => {
  const { start, end } = batch.parts[part] ?? { start: 0, end: 0 };
  return Buffer.from(batch.bytes.subarray(start, end)).toString('utf8');
};

describe('rows', () => {
  const ticker: Ticker = {
    type: 'ticker',
    symbol: 'A/B',
    timestampUs: 5,
    localUs: 6,
    askAmount: '1',
    askPrice: '2.0',
    bidPrice: '1.9',
    bidAmount: '',
    lastPrice: '',
    baseVolume: '7',
    quoteVolume: '8',
  };
  const book: BookChange = {
    type: 'book',
    market: 'spot',
    symbol: 'A/B',
    timestampUs: 5,
    localUs: 6,
    snapshot: false,
    sequence: 12,
    prevSequence: 11,
    snapshotSequence: 10,
    bids: [
      ['1.9', '0'],
      ['1.8', '3'],
    ],
    asks: [],
  };

  test('have the columns of the contract, in its order', () => {
    expect(HEADERS).toEqual({
      trades: 'exchange,symbol,timestamp,local_timestamp,id,side,price,amount',
      ticker:
        'exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount,last_price,base_volume,quote_volume',
      orderbook:
        'exchange,symbol,timestamp,local_timestamp,is_snapshot,sequence,bids,asks,prev_sequence,snapshot_sequence',
    });
    const prefix = rowPrefix('x', 'A/B');
    expect(encodeEvent(prefix, trade('A/B', 'i1'))).toBe('x,A/B,5,1,i1,sell,1.50,2\n');
    expect(encodeEvent(prefix, ticker)).toBe('x,A/B,5,6,1,2.0,1.9,,,7,8\n');
    expect(encodeEvent(prefix, book)).toBe(
      'x,A/B,5,6,false,12,"[[""1.9"",""0""],[""1.8"",""3""]]",[],11,10\n',
    );
  });

  test('are those that the dialect gives for the same cells', () => {
    const digits = fc.stringMatching(/^\d{1,6}(\.\d{1,8})?$/);
    const levels = fc.array(fc.tuple(digits, digits), { maxLength: 4 });
    fc.assert(
      fc.property(levels, levels, fc.string(), (bids, asks, id) => {
        const prefix = rowPrefix('x', 'A/B');
        expect(encodeEvent(prefix, { ...book, bids, asks })).toBe(
          encodeRow(['x', 'A/B', 5, 6, false, 12, bids, asks, 11, 10]),
        );
        expect(encodeEvent(prefix, trade('A/B', id))).toBe(
          encodeRow(['x', 'A/B', 5, 1, id, 'sell', '1.50', '2']),
        );
      }),
    );
  });
});

const PLACE = { day: '2026-11-21', begins: false };

describe('batches', () => {
  test('rows stand by symbol in order, numbers in order of arrival', () => {
    const { clock, batches, batcher } = setup();
    batcher.credit(9);
    batcher.add(trade('A/B', '1', 10), null, PLACE);
    batcher.add(trade('é/ü', '2', 11), null, PLACE);
    batcher.add(trade('A/B', '3', 12), null, PLACE);
    expect(batches).toEqual([]);
    clock.advance(20);
    const [batch] = batches;
    if (batch === undefined) throw new Error('no batch');
    expect(batch.parts.map((part) => [part.symbol, part.rows])).toEqual([
      ['A/B', 2],
      ['é/ü', 1],
    ]);
    expect(text(batch, 0)).toBe('x,A/B,5,10,1,sell,1.50,2\nx,A/B,5,12,3,sell,1.50,2\n');
    expect(text(batch, 1)).toBe('x,é/ü,5,11,2,sell,1.50,2\n');
    const last = batch.parts[0]?.lastRow ?? 0;
    expect(Buffer.from(batch.bytes.subarray(last, batch.parts[0]?.end)).toString()).toBe(
      'x,A/B,5,12,3,sell,1.50,2\n',
    );
    expect([...batch.columns.subarray(0, batch.width)]).toEqual([0, 5, 10, 1.5, 2, -1]);
    expect(batch.columns[batch.width + 2]).toBe(11);
    expect([batch.firstLocalUs, batch.lastLocalUs, batch.events]).toEqual([10, 12, 3]);
    expect([TRADE.price, BOOK.bidPrice]).toEqual([3, 3]);
  });

  test('a full batch goes at once; without credit events wait, and go when it comes', () => {
    const { clock, batches, batcher } = setup();
    batcher.credit(1);
    for (let i = 0; i < 6; i++) batcher.add(trade('A/B', String(i)), null, PLACE);
    expect(batches.map((batch) => batch.events)).toEqual([4]);
    clock.advance(1000);
    expect(batches).toHaveLength(1);
    expect(batcher.queued()).toBe(2);
    batcher.credit(1);
    expect(batches.map((batch) => batch.events)).toEqual([4, 2]);
  });

  test('what does not fit is refused, and what was taken still goes', () => {
    const { batches, batcher } = setup({ queueBytes: 50 });
    const taken = [1, 2, 3, 4].map((id) => batcher.add(trade('A/B', String(id)), null, PLACE));
    expect(taken).toEqual(['taken', 'taken', 'taken', 'full']);
    batcher.flush();
    expect(batches.map((batch) => batch.events)).toEqual([3]);
  });

  test('a new file splits a symbol: what waited for the old one stays with it', () => {
    const { batches, batcher } = setup();
    batcher.credit(9);
    batcher.add(trade('A/B', '1', 10), null, PLACE);
    batcher.add(trade('A/B', '2', 11), null, { day: '2026-11-22', begins: true });
    batcher.add(trade('A/B', '3', 12), null, { day: '2026-11-22', begins: false });
    batcher.add(trade('A/B', '4', 13), null, { day: '2026-11-22', begins: true });
    batcher.flush();
    const [batch] = batches;
    if (batch === undefined) throw new Error('no batch');
    expect(batch.parts.map(({ day, begins, rows }) => [day, begins, rows])).toEqual([
      ['2026-11-21', false, 1],
      ['2026-11-22', true, 2],
      ['2026-11-22', true, 1],
    ]);
    expect(text(batch, 1)).toBe('x,A/B,5,11,2,sell,1.50,2\nx,A/B,5,12,3,sell,1.50,2\n');
    expect([0, 1, 2, 3].map((at) => batch.columns[at * batch.width])).toEqual([0, 1, 1, 2]);
  });

  test('a refused row that would have begun a file leaves it to the next one', () => {
    const { batches, batcher } = setup({ queueBytes: 10 });
    batcher.add(trade('A/B', '1'), null, PLACE);
    expect(batcher.add(trade('A/B', '2'), null, { day: '2026-11-22', begins: true })).toBe('full');
    batcher.flush();
    batcher.add(trade('A/B', '3'), null, { day: '2026-11-22', begins: false });
    batcher.flush();
    expect(batches.flatMap(({ parts }) => parts.map(({ day, begins }) => [day, begins]))).toEqual([
      ['2026-11-21', false],
      ['2026-11-22', true],
    ]);
  });

  test('what would not be one row is refused, the rest is not', () => {
    const { batches, batcher } = setup();
    const added = ['1', 'a\nb', '3'].map((id) => batcher.add(trade('A/B', id), null, PLACE));
    expect(added).toEqual(['taken', 'unencodable', 'taken']);
    expect(batcher.add({ ...trade('A/B', '4'), timestampUs: Number.NaN }, null, PLACE)).toBe('unencodable');
    batcher.flush();
    expect(batches.map((batch) => batch.events)).toEqual([2]);
  });

  test('every event comes out once, in order, whatever the credit', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), symbol: fc.constantFrom('A/B', 'C/D', 'E/F') }),
      fc.record({ kind: fc.constant('credit' as const), n: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 50 }) }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { clock, batches, batcher } = setup();
        const sent: MarketEvent[] = [];
        for (const one of steps) {
          if (one.kind === 'credit') batcher.credit(one.n);
          else if (one.kind === 'wait') clock.advance(one.ms);
          else {
            const event = trade(one.symbol, String(sent.length));
            sent.push(event);
            batcher.add(event, null, PLACE);
          }
        }
        batcher.flush();
        for (const symbol of ['A/B', 'C/D', 'E/F']) {
          const got = batches.flatMap((batch) =>
            batch.parts.flatMap((part, index) => (part.symbol === symbol ? text(batch, index) : '')),
          );
          const want = sent
            .filter((event) => event.symbol === symbol)
            .map((event) => encodeEvent(rowPrefix('x', symbol), event));
          expect(got.join('')).toBe(want.join(''));
        }
      }),
    );
  });
});
