/** The traps that real frames contain (`../shared/facts/crypto-venues.md`), a test each, and the refusals. */

import { describe, expect, test } from 'vitest';
import type { BookChange, Ticker, Trade } from '../../src/core/event.ts';
import { venueById } from '../../src/venues/index.ts';
import { binance, bitflyer, bybit, okx, URLS } from '../fixtures/frames.ts';
import { bench, feed, LOCAL_US } from '../support/intake.ts';

function venue(id: string) {
  const found = venueById(id);
  if (found === undefined) throw new Error(`no venue ${id}`);
  return found;
}

describe('bybit', () => {
  test('one id on two markets is two symbols, told apart by the connection', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitSpot, [bybit.trades({})]);
    feed(at, URLS.bybitLinear, [bybit.trades({})]);
    expect(at.events.map((event) => event.symbol)).toEqual(['BTC/USDT', 'BTC/USDT:USDT']);
  });

  test('linear ticker deltas carry only what changed; the rest is carried', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitLinear, [
      bybit.linearTicker('snapshot', {
        lastPrice: '65114.30',
        volume24h: '17576.0440',
        turnover24h: '1142257236.5897',
        bid1Price: '65114.20',
        bid1Size: '6.054',
        ask1Price: '65114.30',
        ask1Size: '10.486',
      }),
      bybit.linearTicker('delta', { bid1Price: '65114.10', bid1Size: '0.002' }, 1795219200183),
      bybit.linearTicker('delta', { indexPrice: '65138.36' }, 1795219200283),
    ]);
    const [, second, third] = at.events as Ticker[];
    expect(second).toMatchObject({
      bidPrice: '65114.10',
      bidAmount: '0.002',
      askPrice: '65114.30',
      lastPrice: '65114.30',
    });
    expect(second?.timestampUs).toBe(1_795_219_200_183_000);
    // A message that changes none of our fields is a row all the same: one row per message.
    expect(third).toMatchObject({
      bidPrice: '65114.10',
      baseVolume: '17576.0440',
      quoteVolume: '1142257236.5897',
    });
  });

  test('a linear ticker delta before its snapshot is not mixed with another connection', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitLinear, [bybit.linearTicker('delta', { bid1Price: '1', bid1Size: '1' })]);
    expect(at.events).toEqual([]);
    expect(at.intake.counters.ignored).toEqual({ 'tickers.delta_before_snapshot': 1 });
  });

  test('spot tickers have no bid and ask: they come from orderbook.1', () => {
    const at = bench(venue('bybit'), { feeds: ['ticker'] });
    feed(at, URLS.bybitSpot, [bybit.spotTicker({}), bybit.book('snapshot', 72212457, {}, 1)]);
    expect(at.events).toMatchObject([
      { bidPrice: '', askPrice: '', lastPrice: '65140.5', baseVolume: '2953.835931' },
      {
        bidPrice: '65114.20',
        bidAmount: '6.054',
        askPrice: '65114.30',
        askAmount: '10.486',
        lastPrice: '65140.5',
      },
    ]);
    // `cts`, the engine's time, where there is one.
    expect(at.events[1]?.timestampUs).toBe(1_795_219_200_127_000);
  });

  test('`ts` stands before or after `type`: the order of keys means nothing', () => {
    const at = bench(venue('bybit'));
    const frame = JSON.parse(bybit.book('snapshot', 7)) as Record<string, unknown>;
    const { topic, type, ts, data, cts } = frame;
    feed(at, URLS.bybitSpot, [
      JSON.stringify({ topic, type, ts, data, cts }),
      JSON.stringify({ cts, data, ts, type, topic }),
    ]);
    const [a, b] = at.events as BookChange[];
    expect({ ...a, localUs: 0 }).toEqual({ ...b, localUs: 0 });
  });

  test('u = previous u + 1; a snapshot at any time is a reset; a break loses the book', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitLinear, [
      bybit.book('snapshot', 10),
      bybit.book('delta', 11),
      bybit.book('snapshot', 1),
      bybit.book('delta', 2),
      bybit.book('delta', 4),
      bybit.book('delta', 5),
      bybit.book('snapshot', 20),
      bybit.book('delta', 21),
    ]);
    expect(
      (at.events as BookChange[]).map((event) => [
        event.snapshot,
        event.sequence,
        event.prevSequence,
        event.snapshotSequence,
      ]),
    ).toEqual([
      [true, 10, null, 10],
      [false, 11, 10, 10],
      [true, 1, null, 1],
      [false, 2, 1, 1],
      [true, 20, null, 20],
      [false, 21, 20, 20],
    ]);
    expect(at.lost).toEqual(['BTC/USDT:USDT: sequence: 2 is followed by 3']);
    expect(at.needs).toHaveLength(1);
  });

  test('numbers that begin anew without a snapshot are a break, not a quiet book', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitLinear, [bybit.book('snapshot', 500), bybit.book('delta', 2), bybit.book('delta', 3)]);
    expect(at.lost).toEqual(['BTC/USDT:USDT: sequence: 500 is followed by 1']);
    expect(at.needs).toHaveLength(1);
  });

  test('a message said twice is not applied twice, and breaks nothing', () => {
    const at = bench(venue('bybit'));
    feed(at, URLS.bybitLinear, [
      bybit.book('snapshot', 10),
      bybit.book('delta', 11),
      bybit.book('delta', 11),
      bybit.book('delta', 12),
    ]);
    expect((at.events as BookChange[]).map((event) => event.sequence)).toEqual([10, 11, 12]);
    expect(at.lost).toEqual([]);
  });
});

describe('okx', () => {
  test('spot sizes are in coin, swap sizes in contracts: digits untouched, the unit in instruments.json', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.trade(), okx.swapTrade()]);
    expect(at.events).toMatchObject([
      { symbol: 'BTC/USDT', amount: '0.00240857' },
      { symbol: 'BTC/USDT:USDT', amount: '34.95' },
    ]);
    const answer = JSON.stringify({
      code: '0',
      msg: '',
      data: [
        { instType: 'SPOT', instId: 'BTC-USDT', state: 'live', ctVal: '', tickSz: '0.1' },
        { instType: 'SWAP', instId: 'BTC-USDT-SWAP', state: 'live', ctVal: '0.01', tickSz: '0.1' },
      ],
    });
    const read = venue('okx').rest.readInstruments(answer, null);
    expect(read.ok && read.value.map((one) => [one.symbol, one.contract_size, one.amount_unit])).toEqual([
      ['BTC/USDT', '1', 'base'],
      ['BTC/USDT:USDT', '0.01', 'contracts'],
    ]);
  });

  test('a trade can stand for several fills: one row, its id the last', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.trade({ count: '2' })]);
    expect(at.events).toMatchObject([{ id: '1040968613', firstId: '1040968612', amount: '0.00240857' }]);
  });

  test('however many; one that tells none, or one, is of one', () => {
    const at = bench(venue('okx'));
    const counts = ['1600', '1000000', '1', '0', '-5', '', 'x', null, 7, undefined];
    feed(
      at,
      URLS.okx,
      counts.map((count, n) => okx.trade({ tradeId: String(5_000_000 * (n + 1)), count })),
    );
    expect(at.rejects).toEqual([]);
    expect(at.events.map((event) => event.type === 'trade' && event.firstId)).toEqual([
      ...['4998401', '9000001'],
      ...Array.from({ length: 8 }),
    ]);
  });

  test.each([
    ['1040968613', '1000001'],
    ['1040968613', '1000000000000'],
    ['1040968613', '1e12'],
    ['1040968613', 'Infinity'],
    ['1040968613', '9'.repeat(400)],
    ['1040968613', '1.5'],
    ['1599', '1600'],
  ])('trade %s of %s fills is not believed: refused, counted, and costs nothing', (tradeId, count) => {
    const at = bench(venue('okx'));
    const text = okx.trade({ tradeId, count });
    const began = performance.now();
    feed(at, URLS.okx, [text]);
    expect(performance.now() - began).toBeLessThan(1_000);
    expect([at.events, at.rejects.length, at.intake.counters.rejects]).toEqual([[], 1, 1]);
    expect(at.rejects[0]?.reason).toMatch(/^data\.0\.count: expected at most 1000000 fills/);
    expect(at.intake.symbols().size).toBe(0);
  });

  test('a trade can be of as many fills as its id counts', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.trade({ tradeId: '1600', count: '1600' })]);
    expect(at.events).toMatchObject([{ id: '1600', firstId: '1' }]);
  });

  test('volumes: spot base vol24h, quote volCcy24h; swap base volCcy24h, quote not told', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [
      okx.ticker('BTC-USDT'),
      okx.ticker('BTC-USDT-SWAP', { volCcy24h: '73998.8786', vol24h: '7399887.86' }),
    ]);
    expect(at.events).toMatchObject([
      { baseVolume: '3601.1585121', quoteVolume: '229576048.730317321' },
      { baseVolume: '73998.8786', quoteVolume: '' },
    ]);
  });

  test('prevSeqId chains; an idle push repeats seqId; a reset to a lower seqId still chains; checksum 0 means nothing', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [
      okx.book('snapshot', 100, -1),
      okx.book('update', 105, 100),
      okx.book('update', 105, 105, { asks: [], bids: [] }),
      okx.book('update', 3, 105),
      okx.book('update', 8, 3),
      okx.book('update', 20, 9),
    ]);
    expect((at.events as BookChange[]).map((event) => [event.sequence, event.prevSequence])).toEqual([
      [100, null],
      [105, 100],
      [105, 105],
      [3, 105],
      [8, 3],
    ]);
    expect(at.lost).toEqual(['BTC/USDT: sequence: 8 is followed by 9']);
  });

  test('books5 pushes a snapshot each time', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.book(null, 5, 0), okx.book(null, 9, 0)]);
    expect((at.events as BookChange[]).map((event) => [event.snapshot, event.sequence])).toEqual([
      [true, 5],
      [true, 9],
    ]);
  });

  test('levels have four members; two are ours', () => {
    const at = bench(venue('okx'));
    feed(at, URLS.okx, [okx.book('snapshot', 100, -1)]);
    const [book] = at.events as BookChange[];
    expect(book?.bids.map((level) => level.slice(0, 2))).toEqual([['64073', '0.58849577']]);
  });
});

describe('binance', () => {
  test('spot bookTicker has no event time: ours is taken', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [binance.bookTicker(), binance.ticker()]);
    expect(at.events[0]).toMatchObject({
      timestampUs: LOCAL_US,
      localUs: LOCAL_US,
      bidPrice: '63704.00000000',
      lastPrice: '',
    });
    expect(at.events[1]).toMatchObject({
      timestampUs: 1_795_219_200_999_000,
      bidPrice: '63704.00000000',
      lastPrice: '63704.01000000',
      quoteVolume: '940099726.82861850',
    });
  });

  test('spot joins where U ≤ lastUpdateId + 1 ≤ u, then U = u + 1', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [binance.depth(95, 98), binance.depth(99, 101), binance.depth(102, 103)]);
    expect(at.events).toEqual([]);
    expect(at.needs).toEqual(['BTC/USDT: joining']);
    const located = { symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot' } as const;
    const snapshot = venue('binance').rest.readDepth(binance.depthAnswer(100), located, LOCAL_US);
    if (snapshot.ok) at.intake.snapshot(snapshot.value);
    feed(at, URLS.binanceSpot, [binance.depth(104, 104), binance.depth(106, 107)]);
    expect(
      (at.events as BookChange[]).map((event) => [event.snapshot, event.sequence, event.prevSequence]),
    ).toEqual([
      [true, 100, null],
      [false, 101, 98],
      [false, 103, 101],
      [false, 104, 103],
    ]);
    expect(at.lost).toEqual(['BTC/USDT: sequence: 104 is followed by 105']);
  });

  test('a snapshot older than the stream is asked for again', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [binance.depth(95, 98)]);
    const located = { symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot' } as const;
    const old = venue('binance').rest.readDepth(binance.depthAnswer(93), located, LOCAL_US);
    if (old.ok) at.intake.snapshot(old.value);
    expect(at.events).toEqual([]);
    expect(at.needs).toEqual(['BTC/USDT: joining', 'BTC/USDT: snapshot 93 is older than the stream (94)']);
  });

  test('USD-M: U is never the previous u + 1; `pu` chains', () => {
    const at = bench(venue('binance'));
    const depth = (U: number, u: number, pu: number) =>
      binance.depth(U, u, { pu, T: 1795219200199, ps: 'BTCUSDT', st: 1 });
    feed(at, URLS.binancePublic, [depth(990, 1010, 970), depth(1030, 1050, 1010)]);
    const located = { symbol: 'BTC/USDT:USDT', id: 'BTCUSDT', market: 'linear' } as const;
    const snapshot = venue('binance').rest.readDepth(
      binance.depthAnswer(1000, { E: 1795219200190, T: 1795219200189 }),
      located,
      LOCAL_US,
    );
    if (snapshot.ok) at.intake.snapshot(snapshot.value);
    feed(at, URLS.binancePublic, [depth(1060, 1070, 1050), depth(1080, 1090, 1071)]);
    expect(
      (at.events as BookChange[]).map((event) => [event.sequence, event.prevSequence, event.timestampUs]),
    ).toEqual([
      [1000, null, 1_795_219_200_189_000],
      [1010, 970, 1_795_219_200_199_000],
      [1050, 1010, 1_795_219_200_199_000],
      [1070, 1050, 1_795_219_200_199_000],
    ]);
    expect(at.lost).toEqual(['BTC/USDT:USDT: sequence: 1070 is followed by 1071']);
  });

  test.each(['INSURANCE_FUND', 'ADL', 'NA'])(
    'USD-M trades with X = %s are off the book: left out and counted',
    (X) => {
      const at = bench(venue('binance'), { stream: 'trade' });
      feed(at, URLS.binancePublic, [
        binance.usdmTrade({ X, p: '0', q: '0' }),
        binance.usdmTrade({ t: 7000000002 }),
      ]);
      expect(at.events).toMatchObject([{ id: '7000000002', price: '63704.10' }]);
      expect(at.intake.counters.ignored).toEqual({ 'trade.off_book': 1 });
    },
  );

  test('one id space per file: spot records trade, USD-M aggTrade, unless told otherwise', () => {
    const spot = bench(venue('binance'));
    feed(spot, URLS.binanceSpot, [binance.trade(), binance.aggTrade()]);
    expect(spot.events).toMatchObject([{ id: '5000000001', side: 'sell' }]);
    const usdm = bench(venue('binance'));
    feed(usdm, URLS.binanceMarket, [binance.aggTrade({ ps: 'BTCUSDT', st: 1 }), binance.usdmTrade()]);
    expect(usdm.events).toMatchObject([{ id: '900001', side: 'buy', symbol: 'BTC/USDT:USDT' }]);
    const agg = bench(venue('binance'), { stream: 'aggTrade' });
    feed(agg, URLS.binanceSpot, [binance.trade(), binance.aggTrade()]);
    expect((agg.events as Trade[]).map((event) => event.id)).toEqual(['900001']);
  });

  test('USD-M aggTrade and ticker are dialled on /market, depth and bookTicker on /public', () => {
    const binanceVenue = venue('binance');
    const located = binanceVenue.locate('BTC/USDT:USDT');
    const urls = (feedName: 'ticker' | 'orderbook' | 'trades') =>
      binanceVenue
        .dial({
          feed: feedName,
          instruments: located === null ? [] : [located],
          endpoints: binanceVenue.endpoints,
          options: { depth: 200, stream: null },
        })
        .map((plan) => [plan.url, plan.hellos.join()]);
    expect(urls('trades')).toEqual([
      [
        'wss://fstream.binance.com/market/stream',
        '{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}',
      ],
    ]);
    expect(urls('orderbook')).toEqual([
      [
        'wss://fstream.binance.com/public/stream',
        '{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}',
      ],
    ]);
    expect(urls('ticker').map(([url]) => url)).toEqual([
      'wss://fstream.binance.com/public/stream',
      'wss://fstream.binance.com/market/stream',
    ]);
  });
});

describe('bitflyer', () => {
  test('numbers keep their digits: 5860832.0 is not 5860832', () => {
    const at = bench(venue('bitflyer'));
    feed(at, URLS.bitflyer, [bitflyer.executions(bitflyer.execution(2284079807)), bitflyer.ticker]);
    expect(at.events).toMatchObject([
      { symbol: 'BTC/JPY:JPY', id: '2284079807', price: '5860832.0', amount: '0.01', side: 'buy' },
      {
        symbol: 'BTC/JPY',
        bidPrice: '5859870.0',
        askAmount: '0.02',
        baseVolume: '2500.12345678',
        quoteVolume: '',
      },
    ]);
  });

  test('executions come in batches; exec_date has seven digits, cut to µs', () => {
    const at = bench(venue('bitflyer'));
    feed(at, URLS.bitflyer, [
      bitflyer.executions(bitflyer.execution(1), bitflyer.execution(2, 'SELL'), bitflyer.execution(3)),
    ]);
    expect((at.events as Trade[]).map((event) => [event.id, event.side])).toEqual([
      ['1', 'buy'],
      ['2', 'sell'],
      ['3', 'buy'],
    ]);
    expect(at.events[0]?.timestampUs).toBe(1_795_219_229_969_206);
  });

  test('an empty side (itayose) is unknown', () => {
    const at = bench(venue('bitflyer'));
    feed(at, URLS.bitflyer, [bitflyer.executions(bitflyer.execution(1, ''))]);
    expect(at.events).toMatchObject([{ side: 'unknown' }]);
  });

  test('price 0 on a board is no level; removing an absent level is no error; rows are counted from the snapshot', () => {
    const { board, snapshot, level } = bitflyer;
    const at = bench(venue('bitflyer'));
    feed(at, URLS.bitflyer, [
      board(level('5850000.0', '0.1'), ''),
      snapshot(level('5850000.0', '0.2'), level('5851000.0', '0.3')),
      board(`${level('0.0', '9.9')},${level('5849000.0', '0.0')}`, level('5851000.0', '0.4')),
    ]);
    const books = at.events as BookChange[];
    expect(
      books.map((event) => [
        event.snapshot,
        event.sequence,
        event.prevSequence,
        event.timestampUs === event.localUs,
      ]),
    ).toEqual([
      [true, 0, null, true],
      [false, 1, 0, true],
    ]);
    expect(books[1]?.bids).toEqual([['5849000.0', '0.0']]);
    expect(at.intake.counters.ignored).toEqual({ 'board.market_orders': 1 });
  });

  test('a later pushed snapshot is compared, and replaces a book that has drifted twice running', () => {
    const { board, snapshot, level } = bitflyer;
    const second = (n: number): number => LOCAL_US + n * 1_000_000;
    const at = bench(venue('bitflyer'));
    const good = snapshot(level('100.0', '1.0'), level('101.0', '1.0'));
    const other = snapshot(level('100.0', '5.0'), level('101.0', '1.0'));
    at.intake.open('c', URLS.bitflyer);
    const at_ = (sec: number, text: string): void => at.intake.frame('c', text, second(sec));
    at_(0, good);
    at_(5, good);
    at_(7, board('', level('102.0', '1.0')));
    at_(10, other);
    at_(12, board('', level('103.0', '1.0')));
    at_(15, other);
    expect(at.lost).toEqual([]);
    at_(17, board('', level('104.0', '1.0')));
    expect(at.lost).toEqual(['BTC/JPY: drift 1 of 2 levels, twice']);
    at_(20, other);
    expect((at.events as BookChange[]).map((event) => event.snapshot)).toEqual([true, false, false, true]);
  });

  test('levels that changed within a second of the snapshot are left out of the comparison', () => {
    const { board, snapshot, level } = bitflyer;
    const at = bench(venue('bitflyer'));
    const other = snapshot(level('100.0', '5.0'), level('101.0', '1.0'));
    at.intake.open('c', URLS.bitflyer);
    const at_ = (ms: number, text: string): void => at.intake.frame('c', text, LOCAL_US + ms * 1_000);
    at_(0, snapshot(level('100.0', '1.0'), level('101.0', '1.0')));
    for (const base of [5_000, 10_000, 15_000]) {
      at_(base, other);
      at_(base + 500, board(level('100.0', '2.0'), ''));
      at_(base + 2_000, board('', level('101.0', '1.0')));
    }
    expect(at.lost).toEqual([]);
  });

  test('a refused board frame cannot be told by a sequence: the books of its connection are joined anew', () => {
    const { board, snapshot, level } = bitflyer;
    const at = bench(venue('bitflyer'));
    feed(at, URLS.bitflyer, [
      snapshot(level('100.0', '1.0'), level('101.0', '1.0')),
      board(level('-1', '1.0'), ''),
    ]);
    expect(at.rejects).toHaveLength(1);
    expect(at.lost).toEqual(['BTC/JPY: a frame was refused']);
  });
});

describe('clocks', () => {
  test('a venue time ahead of our clock by less than a day is kept, and counted beyond a second', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [
      binance.trade({ T: LOCAL_US / 1000 + 940 }),
      binance.trade({ t: 2, T: LOCAL_US / 1000 + 5_000 }),
    ]);
    expect(at.events).toHaveLength(2);
    expect(at.intake.counters.ahead).toBe(1);
  });

  test('a time more than a day ahead is absurd', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [binance.trade({ T: LOCAL_US / 1000 + 86_400_001 })]);
    expect(at.events).toEqual([]);
    expect(at.rejects[0]?.reason).toContain('a day ahead');
  });
});

describe('what is refused, and what is ignored by name', () => {
  const refused: readonly (readonly [string, string, string, string])[] = [
    ['binance', URLS.binanceSpot, 'not JSON', '{"stream":'],
    ['binance', URLS.binanceSpot, 'p: expected a price above zero', binance.trade({ p: 'NaN' })],
    ['binance', URLS.binanceSpot, 'p: expected a price above zero', binance.trade({ p: '-1.0' })],
    ['binance', URLS.binanceSpot, 'p: expected a price above zero', binance.trade({ p: '0.00' })],
    ...['1\n2,evil', '1,5', '12abc', '0x10', '1"'].map(
      (p) => ['binance', URLS.binanceSpot, 'p: expected a price above zero', binance.trade({ p })] as const,
    ),
    ['binance', URLS.binanceSpot, 'unknown event "constructor"', '{"e":"constructor"}'],
    ['okx', URLS.okx, 'arg.channel: unknown', '{"arg":{"channel":"constructor","instId":"X"},"data":[]}'],
    ['binance', URLS.binanceSpot, 'q: expected an unsigned decimal', binance.trade({ q: 1.5 })],
    ['binance', URLS.binanceSpot, 'T: expected ms', binance.trade({ T: 17 })],
    ['binance', URLS.binanceSpot, 'unknown symbol "DOGEUSDT"', binance.trade({ s: 'DOGEUSDT' })],
    ['binance', URLS.binanceSpot, 'unknown event "surprise"', '{"stream":"x","data":{"e":"surprise"}}'],
    [
      'binance',
      URLS.binanceSpot,
      'b: expected [price, amount]',
      binance.depth(1, 2, { b: [['1.0', 'NaN']] }),
    ],
    ['binance', URLS.binancePublic, 'pu: expected an integer', binance.depth(1, 2)],
    ['bybit', URLS.bybitSpot, 'data.0.p: expected a price', bybit.trades({ p: 'Infinity' })],
    ['bybit', URLS.bybitSpot, 'topic: unknown', '{"topic":"surprise.BTCUSDT","data":{}}'],
    ['okx', URLS.okx, 'data.0.px: expected a price', okx.trade({ px: '' })],
    ['okx', URLS.okx, 'arg.channel: unknown', '{"arg":{"channel":"surprise","instId":"X"},"data":[]}'],
    [
      'bitflyer',
      URLS.bitflyer,
      '0.price: expected a price',
      bitflyer.executions(bitflyer.execution(1, 'BUY', '-5.0')),
    ],
    ['bitflyer', URLS.bitflyer, 'not JSON', '{"jsonrpc":"2.0",}'],
    ['bitflyer', URLS.bitflyer, 'expected an object', '42'],
  ];

  test.each(refused)('%s %s: %s', (id, url, reason, text) => {
    const at = bench(venue(id), {
      symbols: ['BTC/USDT', 'BTC/USDT:USDT', 'BTC/JPY', 'BTC/JPY:JPY'],
      stream: null,
    });
    feed(at, url, [text]);
    expect(at.events).toEqual([]);
    expect(at.rejects).toHaveLength(1);
    expect(at.rejects[0]?.reason).toContain(reason);
    expect(at.rejects[0]?.text).toBe(text);
  });

  test('known kinds that no feed records are counted by name', () => {
    const ignored = (id: string, url: string, frames: readonly string[]) => {
      const at = bench(venue(id));
      feed(at, url, frames);
      expect(at.rejects).toEqual([]);
      return at.intake.counters.ignored;
    };
    expect(ignored('binance', URLS.binanceSpot, [binance.kline])).toEqual({ kline: 1 });
    expect(ignored('bybit', URLS.bybitSpot, [bybit.kline, bybit.pongSpot, bybit.pongLinear])).toEqual({
      kline: 1,
      pong: 2,
    });
    expect(ignored('okx', URLS.okx, [okx.candle, 'pong'])).toEqual({ candle1m: 1, pong: 1 });
  });

  test.each([
    ['binance', URLS.binanceSpot, '{"result":null,"id":{"toString":0}}'],
    ['binance', URLS.binanceSpot, '{"error":{"code":{"toString":0},"msg":{"toString":0}},"id":1}'],
    ['bybit', URLS.bybitSpot, '{"success":false,"ret_msg":{"toString":0}}'],
    ['okx', URLS.okx, '{"event":"error","code":{"toString":0},"arg":{"channel":{"toString":0}}}'],
    ['bitflyer', URLS.bitflyer, '{"error":{"code":{"toString":0},"message":{"toString":0}}}'],
  ])('%s: words that are objects throw nothing (%#)', (id, url, text) => {
    const at = bench(venue(id));
    feed(at, url, [text]);
    expect(at.said).toHaveLength(1);
  });

  test('acknowledgements, refusals and notices are told apart', () => {
    const said = (id: string, url: string, frames: readonly string[]) => {
      const at = bench(venue(id));
      feed(at, url, frames);
      return at.said.map((text) => text.split(':')[0]);
    };
    const three = ['ack', 'refused', 'notice'];
    expect(said('binance', URLS.binanceSpot, [binance.ack, binance.refusal, binance.shutdown])).toEqual(
      three,
    );
    expect(said('okx', URLS.okx, [okx.ack, okx.refusal, okx.notice])).toEqual(three);
    expect(said('bybit', URLS.bybitSpot, [bybit.ack, bybit.refusal])).toEqual(three.slice(0, 2));
    expect(said('bitflyer', URLS.bitflyer, [bitflyer.ack, bitflyer.refusal])).toEqual(three.slice(0, 2));
  });

  test('a trade that was seen before is not a second row', () => {
    const at = bench(venue('binance'));
    feed(at, URLS.binanceSpot, [binance.trade(), binance.trade(), binance.trade({ t: 5000000002 })]);
    expect((at.events as Trade[]).map((event) => event.id)).toEqual(['5000000001', '5000000002']);
    expect(at.intake.counters.duplicates).toBe(1);
  });
});
