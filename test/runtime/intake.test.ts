import { describe, expect, test } from 'vitest';
import type { BookChange, Ticker } from '../../src/core/event.ts';
import { venueById } from '../../src/venues/index.ts';
import { bybitRest } from '../fixtures/answers.ts';
import { binance, bitflyer, bybit, okx, URLS } from '../fixtures/frames.ts';
import { bench, feed, LOCAL_US } from '../support/intake.ts';

function venue(id: string) {
  const found = venueById(id);
  if (found === undefined) throw new Error(`no venue ${id}`);
  return found;
}

describe('ticker', () => {
  test('the fields of the other channel are carried over from another connection', () => {
    const at = bench(venue('binance'), { feeds: ['ticker'] });
    const { intake } = at;
    intake.open('usdm-public', URLS.binancePublic);
    intake.open('usdm-market', URLS.binanceMarket);
    intake.frame('usdm-public', binance.bookTicker({ T: 1795219200100 }), LOCAL_US);
    intake.frame('usdm-market', binance.ticker({ c: '7.10' }), LOCAL_US + 1);
    intake.frame('usdm-public', binance.bookTicker({ T: 1795219200200, b: '6.90' }), LOCAL_US + 2);
    expect(at.events).toMatchObject([
      { bidPrice: '63704.00000000', lastPrice: '', baseVolume: '' },
      { bidPrice: '63704.00000000', lastPrice: '7.10', baseVolume: '14724.65375000' },
      { bidPrice: '6.90', askPrice: '63704.01000000', lastPrice: '7.10' },
    ]);
    expect(new Set(at.events.map((event) => event.symbol))).toEqual(new Set(['BTC/USDT:USDT']));
  });

  test('one symbol carries nothing to another', () => {
    const at = bench(venue('binance'), { feeds: ['ticker'] });
    feed(at, URLS.binanceSpot, [binance.ticker(), binance.bookTicker({ s: 'ETHUSDT' })]);
    expect((at.events[1] as Ticker).lastPrice).toBe('');
  });

  test('a row keeps its own fields when a later message changes what is carried', () => {
    const at = bench(venue('binance'), { feeds: ['ticker'] });
    feed(at, URLS.binanceSpot, [binance.ticker({ c: '1' }), binance.ticker({ c: '2' })]);
    expect((at.events as Ticker[]).map((event) => event.lastPrice)).toEqual(['1', '2']);
  });
});

describe('trades', () => {
  test('one that comes again after a reconnect is no second row; it is counted', () => {
    const at = bench(venue('okx'));
    const { intake } = at;
    intake.open('public', URLS.okx);
    intake.frame('public', okx.trade({ tradeId: '1' }), LOCAL_US);
    intake.close('public');
    intake.open('public', URLS.okx);
    intake.frame('public', okx.trade({ tradeId: '1' }), LOCAL_US + 1);
    intake.frame('public', okx.trade({ tradeId: '2' }), LOCAL_US + 2);
    expect(at.events).toMatchObject([{ id: '1' }, { id: '2' }]);
    expect(intake.counters).toMatchObject({ frames: 3, events: 2, duplicates: 1, rejects: 0 });
  });

  test('the same id at another symbol is another trade', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitSpot, [bybit.trades({ i: 'x' })]);
    feed(at, URLS.bybitLinear, [bybit.trades({ i: 'x' })]);
    expect(at.events).toHaveLength(2);
    expect(at.intake.counters.duplicates).toBe(0);
  });
});

describe('what is not to be recorded', () => {
  test('an instrument that nobody asked for is refused, with its frame', () => {
    const at = bench(venue('okx'), { symbols: ['ETH/USDT'] });
    feed(at, URLS.okx, [okx.trade()]);
    expect(at.events).toEqual([]);
    expect(at.rejects).toEqual([{ reason: 'instId: unknown instrument "BTC-USDT"', text: okx.trade() }]);
  });

  test('a frame is refused once, however many of its members are wrong; the others are kept', () => {
    const at = bench(venue('bybit'), { symbols: ['BTC/USDT'] });
    const wrong = { s: 'XXXUSDT' };
    feed(at, URLS.bybitSpot, [bybit.trades(wrong, {}, wrong, wrong)]);
    expect(at.events).toHaveLength(1);
    expect(at.rejects).toHaveLength(1);
    expect(at.intake.counters.rejects).toBe(1);
    feed(at, URLS.bybitSpot, [bybit.trades(wrong)]);
    expect(at.intake.counters.rejects).toBe(2);
  });

  test('events of a feed that is not recorded are counted by name', () => {
    const at = bench(venue('okx'), { feeds: ['ticker'] });
    feed(at, URLS.okx, [okx.trade(), okx.book('snapshot', 1, -1), okx.ticker('BTC-USDT')]);
    expect(at.events).toHaveLength(1);
    expect(at.intake.counters.ignored).toEqual({
      'trades (not recorded)': 1,
      'orderbook (not recorded)': 1,
    });
    expect(at.intake.books().size).toBe(0);
  });

  test('a frame that says nothing is counted as such', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, ['{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[]}']);
    expect(at.intake.counters.ignored).toEqual({ empty: 1 });
  });

  test('a frame before its connection was opened, or after its end, is refused', () => {
    const at = bench(venue('okx'));
    at.intake.frame('public', okx.trade(), LOCAL_US);
    at.intake.open('public', URLS.okx);
    at.intake.close('public');
    at.intake.frame('public', okx.trade(), LOCAL_US);
    expect(at.rejects.map((one) => one.reason)).toEqual(
      Array(2).fill('a frame before its connection was opened'),
    );
  });

  test('a time more than a day ahead is absurd; a second ahead is kept and counted', () => {
    const at = bench(venue('okx'));
    const ms = LOCAL_US / 1000;
    feed(at, URLS.okx, [
      okx.trade({ tradeId: '1', ts: String(ms + 900) }),
      okx.trade({ tradeId: '2', ts: String(ms + 5_000) }),
      okx.trade({ tradeId: '3', ts: String(ms + 25 * 3_600_000) }),
    ]);
    expect(at.events).toMatchObject([{ id: '1' }, { id: '2' }]);
    expect(at.intake.counters).toMatchObject({ ahead: 2, rejects: 1 });
  });

  test('what the venue says of the connection is passed on', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.ack, okx.refusal, okx.notice, 'pong']);
    expect(at.said).toEqual([
      'ack: tickers:BTC-USDT',
      `refused: 60018 Wrong URL or channel:nonsense doesn't exist`,
      'notice: 64008',
    ]);
    expect(at.intake.counters.ignored).toEqual({ pong: 1 });
  });
});

describe('connections', () => {
  test('the end of one takes its books and leaves those of another', () => {
    const at = bench(venue('bybit'), { feeds: ['orderbook'] });
    feed(at, URLS.bybitSpot, [bybit.book('snapshot', 10)]);
    feed(at, URLS.bybitLinear, [bybit.book('snapshot', 50)]);
    at.intake.close(URLS.bybitSpot);
    expect(at.lost).toEqual(['BTC/USDT: disconnect']);
    const states = [...at.intake.books()].map(([symbol, sync]) => [symbol, sync.state()]);
    expect(states).toEqual([
      ['BTC/USDT', 'resyncing'],
      ['BTC/USDT:USDT', 'synced'],
    ]);
    at.intake.frame(URLS.bybitLinear, bybit.book('delta', 51), LOCAL_US);
    expect((at.events as BookChange[]).map((event) => event.sequence)).toEqual([10, 50, 51]);
  });

  test('a new connection begins with nothing: a delta does not continue the old book', () => {
    const at = bench(venue('bybit'), { feeds: ['orderbook'] });
    feed(at, URLS.bybitSpot, [bybit.book('snapshot', 10), bybit.book('delta', 11)]);
    at.intake.close(URLS.bybitSpot);
    feed(at, URLS.bybitSpot, [bybit.book('delta', 12), bybit.book('snapshot', 20)]);
    expect((at.events as BookChange[]).map((event) => event.sequence)).toEqual([10, 11, 20]);
    expect(at.intake.symbols().get('BTC/USDT')).toMatchObject({ events: 3, resyncs: 1, book: 'synced' });
  });

  test('a refused frame is doubt where no sequence would tell: its books are joined anew', () => {
    const at = bench(venue('bitflyer'), { feeds: ['orderbook'] });
    const level = bitflyer.level('5860000.0', '0.1');
    const ask = bitflyer.level('5861000.0', '0.1');
    feed(at, URLS.bitflyer, [bitflyer.snapshot(level, ask), '{"method":"channelMessage"', '{}']);
    expect(at.lost).toEqual(['BTC/JPY: a frame was refused']);
    feed(at, URLS.bitflyer, [bitflyer.board(level, ask), bitflyer.snapshot(level, ask)]);
    expect((at.events as BookChange[]).map((event) => event.snapshot)).toEqual([true, true]);
  });

  test('and where a sequence tells, it changes nothing', () => {
    const at = bench(venue('bybit'), { feeds: ['orderbook'] });
    feed(at, URLS.bybitSpot, [bybit.book('snapshot', 10), 'garbage', bybit.book('delta', 11)]);
    expect(at.lost).toEqual([]);
    expect(at.events).toHaveLength(2);
  });
});

test('a polled ticker is a row, and the stream that comes after it too', () => {
  const venue = venueById('okx');
  if (venue === undefined) throw new Error('no venue');
  const at = bench(venue, { feeds: ['ticker'] });
  const located = { symbol: 'BTC/USDT', id: 'BTC-USDT', market: 'spot' } as const;
  const { data } = JSON.parse(okx.ticker('BTC-USDT')) as { readonly data: readonly object[] };
  at.intake.polled('ticker', located, JSON.stringify({ code: '0', data }), LOCAL_US);
  feed(at, URLS.okx, [okx.ticker('BTC-USDT', { ts: '1795219200999' })]);
  at.intake.polled('ticker', located, JSON.stringify({ code: '0', data }), LOCAL_US + 1);
  expect(at.events).toHaveLength(3);
});

test('a page of polled trades that is larger than any should be, of one of many symbols, is not told twice', () => {
  const at = bench(venue('bybit'), { feeds: ['trades'] });
  for (let n = 0; n < 200; n++) at.intake.seen(`S${n}/USDT`, ['x']);
  const located = { symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot' } as const;
  const page = bybitRest.trades(...Array.from({ length: 3_000 }, (_, n) => `id-${n}`));
  for (const us of [0, 1]) at.intake.polled('trades', located, page, LOCAL_US + us);
  expect(at.events).toHaveLength(3_000);
});
