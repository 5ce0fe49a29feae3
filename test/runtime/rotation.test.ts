import { describe, expect, test } from 'vitest';
import type { BookChange } from '../../src/core/event.ts';
import { venueById } from '../../src/venues/index.ts';
import { binance, bybit, okx, URLS } from '../fixtures/frames.ts';
import { bench, feed, LOCAL_US } from '../support/intake.ts';

function venue(id: string) {
  const found = venueById(id);
  if (found === undefined) throw new Error(`no venue ${id}`);
  return found;
}

/** LOCAL_US is 2026-11-21 00:00:01. */
const DAY_US = 86_400_000_000;
const MIDNIGHT = LOCAL_US - 1_000_000 + DAY_US;
const TODAY = '2026-11-21';
const NEXT = '2026-11-22';

const book = (at: ReturnType<typeof bench>) =>
  (at.events as BookChange[]).map(({ snapshot, sequence, prevSequence, snapshotSequence }) =>
    [snapshot ? 'S' : '+', sequence, prevSequence, snapshotSequence].join(' '),
  );

describe('a new day of receipt', () => {
  test('begins a file of trades with its first trade; the last moment before is still today', () => {
    const at = bench(venue('okx'), { feeds: ['trades'] });
    const { intake } = at;
    intake.open('public', URLS.okx);
    for (const [n, us] of [LOCAL_US, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1].entries())
      intake.frame('public', okx.trade({ tradeId: String(n) }), us);
    expect(at.places).toEqual([TODAY, TODAY, `+${NEXT}`, NEXT]);
  });

  test('a trade that is no row leaves the beginning to the next one', () => {
    const at = bench(venue('okx'), { feeds: ['trades'] });
    const { intake } = at;
    intake.open('public', URLS.okx);
    for (const [id, us] of [
      ['1', LOCAL_US],
      ['1', MIDNIGHT],
      ['2', MIDNIGHT + 1],
    ] as const)
      intake.frame('public', okx.trade({ tradeId: id }), us);
    expect(at.places).toEqual([TODAY, `+${NEXT}`]);
  });

  test("begins a book's file with the kept book, best first, and what follows continues it", () => {
    const at = bench(venue('bybit'), { feeds: ['orderbook'] });
    const { intake } = at;
    intake.open(URLS.bybitSpot, URLS.bybitSpot);
    const levels = {
      data: {
        s: 'BTCUSDT',
        b: [
          ['1', '5'],
          ['2', '6'],
        ],
        a: [
          ['4', '1'],
          ['3', '2'],
        ],
        u: 10,
        seq: 1,
      },
    };
    intake.frame(URLS.bybitSpot, bybit.book('snapshot', 10, levels), LOCAL_US);
    const change = {
      data: {
        s: 'BTCUSDT',
        b: [
          ['1', '0'],
          ['2.5', '7'],
        ],
        a: [],
        u: 11,
        seq: 2,
      },
      cts: 1795219200999,
    };
    intake.frame(URLS.bybitSpot, bybit.book('delta', 11, change), LOCAL_US + 5);
    intake.frame(URLS.bybitSpot, bybit.book('delta', 12), MIDNIGHT + 7);
    expect(at.places).toEqual([TODAY, TODAY, `+${NEXT}`, NEXT]);
    expect(book(at)).toEqual(['S 10  10', '+ 11 10 10', 'S 11  11', '+ 12 11 11']);
    expect(at.events[2]).toMatchObject({
      localUs: MIDNIGHT + 7,
      timestampUs: 1795219200999000,
      bids: [
        ['2.5', '7'],
        ['2', '6'],
      ],
      asks: [
        ['3', '2'],
        ['4', '1'],
      ],
    });
    expect(at.lost).toEqual([]);
  });

  test('a book that is not joined begins its file with the snapshot that it is joined by', () => {
    const at = bench(venue('bybit'), { feeds: ['orderbook'] });
    const { intake } = at;
    intake.open(URLS.bybitSpot, URLS.bybitSpot);
    intake.frame(URLS.bybitSpot, bybit.book('snapshot', 10), LOCAL_US);
    intake.resync('BTC/USDT', 'test');
    intake.frame(URLS.bybitSpot, bybit.book('delta', 12), MIDNIGHT);
    intake.frame(URLS.bybitSpot, bybit.book('snapshot', 20), MIDNIGHT + 1);
    expect(at.places).toEqual([TODAY, `+${NEXT}`]);
    expect(book(at)).toEqual(['S 10  10', 'S 20  20']);
  });

  test('deltas that waited for their REST snapshot over midnight stand in its file', () => {
    const at = bench(venue('binance'), { feeds: ['orderbook'] });
    const { intake } = at;
    intake.open(URLS.binanceSpot, URLS.binanceSpot);
    intake.frame(URLS.binanceSpot, binance.depth(11, 12), MIDNIGHT - 3);
    intake.snapshot({
      type: 'book',
      market: 'spot',
      symbol: 'BTC/USDT',
      timestampUs: MIDNIGHT - 1,
      localUs: MIDNIGHT + 1,
      snapshot: true,
      sequence: 11,
      prevSequence: null,
      bids: [['1', '1']],
      asks: [],
    });
    expect(book(at)).toEqual(['S 11  11', '+ 12 10 11']);
    expect(new Set(at.places.map((place) => place.replace('+', '')))).toEqual(new Set([NEXT]));
  });
});

describe('our clock steps', () => {
  test('back over midnight: another file, in order of receipt; slewing over it: none', () => {
    const at = bench(venue('okx'), { feeds: ['trades'] });
    const { intake } = at;
    intake.open('public', URLS.okx);
    const times = [MIDNIGHT + 1, MIDNIGHT - 2_000, MIDNIGHT - 7_200_000_000, MIDNIGHT + 2];
    for (const [n, us] of times.entries()) intake.frame('public', okx.trade({ tradeId: String(n) }), us);
    expect(at.places).toEqual([NEXT, NEXT, `+${TODAY}`, `+${NEXT}`]);
    expect(at.events).toMatchObject([{ id: '0' }, { id: '1' }, { id: '2' }, { id: '3' }]);
  });
});

describe('a new file that was asked for', () => {
  test('begins with the next row, of a book with a snapshot, even when it is the first of all', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.book('snapshot', 5, -1), okx.trade({ tradeId: '1' })]);
    at.intake.rotate('orderbook', 'BTC/USDT');
    at.intake.rotate('ticker', 'BTC/USDT');
    at.intake.frame(URLS.okx, okx.trade({ tradeId: '2' }), LOCAL_US + 10);
    at.intake.frame(URLS.okx, okx.book('update', 6, 5), LOCAL_US + 11);
    at.intake.frame(URLS.okx, okx.ticker('BTC-USDT'), LOCAL_US + 12);
    expect(at.places).toEqual([TODAY, TODAY, TODAY, `+${TODAY}`, TODAY, `+${TODAY}`]);
    expect(at.events.map((event) => event.type)).toEqual([
      'book',
      'trade',
      'trade',
      'book',
      'book',
      'ticker',
    ]);
  });
});

test('trades that the files hold already are no rows again', () => {
  const at = bench(venue('okx'), { feeds: ['trades'] });
  at.intake.seen('BTC/USDT', ['1', '2']);
  feed(
    at,
    URLS.okx,
    ['1', '2', '3'].map((tradeId) => okx.trade({ tradeId })),
  );
  expect(at.events).toMatchObject([{ id: '3' }]);
  expect(at.intake.counters.duplicates).toBe(2);
});
