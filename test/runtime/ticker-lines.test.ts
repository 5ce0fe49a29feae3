import { describe, expect, test } from 'vitest';
import type { Ticker, TickerFields, TickerMessage } from '../../src/core/event.ts';
import { carryTicker, EMPTY_TICKER } from '../../src/core/ticker.ts';
import { createTickerLines } from '../../src/runtime/ticker-lines.ts';

/** Rows of one symbol as `stream@order bid`; what is no row is told by `say`. */
function bench() {
  const lines = createTickerLines();
  const rows: string[] = [];
  let ticker: Ticker | undefined;
  const say = (connection: string, order: number, fields: Partial<TickerFields>, stream = 's'): boolean => {
    const message: TickerMessage = { type: 'ticker', symbol: 'A', timestampUs: order, localUs: 0, fields };
    const taken = lines.take(connection, stream, message, ticker);
    if (!taken) return false;
    ticker = carryTicker(ticker ?? EMPTY_TICKER, message);
    rows.push(`${stream}@${order} ${ticker.bidPrice}`);
    return true;
  };
  return { lines, rows, say };
}

describe('two connections bring one stream', () => {
  test('the first message of the new one is not enough: the old one may still owe what was before it', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    expect(at.say('b', 3, { bidPrice: '12' })).toBe(false);
    at.say('a', 2, { bidPrice: '11' });
    at.say('a', 3, { bidPrice: '12' });
    expect(at.say('a', 4, { bidPrice: '13' })).toBe(false);
    at.say('b', 4, { bidPrice: '13' });
    expect(at.rows).toEqual(['s@1 10', 's@2 11', 's@3 12', 's@4 13']);
  });

  test('the new one says what the old one said last: it goes on, and that is no second row', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    expect(at.say('b', 1, { bidPrice: '10' })).toBe(false);
    expect([at.lines.isOwner('a'), at.lines.isOwner('b')]).toEqual([false, true]);
    at.say('b', 2, { bidPrice: '11' });
    expect(at.rows).toEqual(['s@1 10', 's@2 11']);
  });

  test('the new one goes on from what it has said before, and the old one too', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    at.say('a', 2, { bidPrice: '11' });
    at.say('b', 1, { bidPrice: '10' });
    at.say('b', 3, { bidPrice: '12' });
    expect(at.say('a', 3, { bidPrice: '12' })).toBe(false);
    expect(at.rows).toEqual(['s@1 10', 's@2 11', 's@3 12']);
  });

  test('the new one lags: what it says again is no row', () => {
    const at = bench();
    for (const order of [1, 2, 3]) at.say('a', order, { bidPrice: `${9 + order}` });
    at.say('b', 2, { bidPrice: '11' });
    at.say('a', 4, { bidPrice: '13' });
    expect(at.lines.isOwner('b')).toBe(true);
    for (const order of [3, 4]) expect(at.say('b', order, { bidPrice: `${9 + order}` })).toBe(false);
    at.say('b', 5, { bidPrice: '14' });
    expect(at.rows).toEqual(['s@1 10', 's@2 11', 's@3 12', 's@4 13', 's@5 14']);
  });

  test('several messages of one time are each one row', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    at.say('a', 2, { bidPrice: '11' });
    at.say('a', 2, { bidPrice: '12' });
    at.say('b', 2, { bidPrice: '11' });
    expect(at.lines.isOwner('b')).toBe(true);
    at.say('b', 2, { bidPrice: '12' });
    at.say('b', 2, { bidPrice: '13' });
    at.say('b', 3, { bidPrice: '14' });
    expect(at.rows).toEqual(['s@1 10', 's@2 11', 's@2 12', 's@2 13', 's@3 14']);
  });

  test('a whole one of the new connection that adds nothing to what was merged is no row', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10', askPrice: '20' });
    at.say('a', 2, { bidPrice: '11' });
    expect(at.say('b', 2, { bidPrice: '11', askPrice: '20' })).toBe(false);
    expect(at.lines.isOwner('b')).toBe(true);
  });

  test('each stream goes over by itself', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' }, 'quote');
    at.say('a', 9, { lastPrice: '1' }, 'day');
    at.say('b', 1, { bidPrice: '10' }, 'quote');
    expect(at.say('a', 10, { lastPrice: '2' }, 'day')).toBe(true);
    expect(at.say('a', 2, { bidPrice: '11' }, 'quote')).toBe(false);
  });
});

describe('the old one ends', () => {
  test('with a new one there: that goes on, and repeats nothing', () => {
    const at = bench();
    at.say('a', 5, { bidPrice: '10' });
    at.lines.closed('a', 'b');
    expect(at.say('b', 5, { bidPrice: '10' })).toBe(false);
    expect(at.say('b', 4, { bidPrice: '9' })).toBe(false);
    expect(at.say('b', 6, { bidPrice: '11' })).toBe(true);
  });

  test('with none: whatever comes next is a row', () => {
    const at = bench();
    at.say('a', 5, { bidPrice: '10' });
    at.lines.closed('a', null);
    expect(at.say('a', 5, { bidPrice: '10' })).toBe(true);
  });

  test('the new one ends after it took over: the old one brings it again', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    at.say('b', 1, { bidPrice: '10' });
    at.lines.closed('b', 'a');
    expect(at.say('a', 1, { bidPrice: '10' })).toBe(false);
    expect(at.say('a', 2, { bidPrice: '11' })).toBe(true);
  });

  test('the new one ends first: the old one goes on', () => {
    const at = bench();
    at.say('a', 1, { bidPrice: '10' });
    at.say('b', 3, { bidPrice: '12' });
    at.lines.closed('b', 'a');
    at.say('a', 2, { bidPrice: '11' });
    at.say('a', 3, { bidPrice: '12' });
    expect(at.say('a', 4, { bidPrice: '13' })).toBe(true);
  });
});

test('a stream whose time stands still costs no more and more', () => {
  const lines = createTickerLines();
  let looks = 0;
  const say = (connection: string, bidPrice: string): boolean => {
    const fields = { bidPrice, bidAmount: '1' };
    const message: TickerMessage = {
      ...{ type: 'ticker', symbol: 'A', timestampUs: 1, localUs: 0 },
      get fields() {
        looks += 1;
        return fields;
      },
    };
    return lines.take(connection, 's', message, undefined);
  };
  for (let n = 0; n < 5_000; n++) say('a', String(n));
  looks = 0;
  // What was said at that time lately is known, and is no second row.
  expect(say('b', '4999')).toBe(false);
  expect(say('b', '4950')).toBe(false);
  expect(looks).toBeLessThan(5_000);
});
