/** What is asked for a poll, and what its answer is: the row in our terms, with the venue's own digits. */

import { describe, expect, test } from 'vitest';
import { FEEDS, type Feed } from '../../src/core/event.ts';
import type { Result } from '../../src/core/result.ts';
import type { FeedOptions, Located, Venue } from '../../src/core/venue.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';
import { binanceRest, bitflyerRest, bybitRest, okxRest } from '../fixtures/answers.ts';
import { LOCAL_US } from '../support/intake.ts';

const OPTIONS: FeedOptions = { depth: 200, stream: null };

function at(venueId: string, symbol: string): { readonly venue: Venue; readonly located: Located } {
  const venue = venueById(venueId);
  const located = venue?.locate(symbol);
  if (!venue || !located) throw new Error(`${venueId} has no ${symbol}`);
  return { venue, located };
}

function asked(venueId: string, symbol: string, feed: Feed, options: Partial<FeedOptions> = {}) {
  const { venue, located } = at(venueId, symbol);
  return venue.rest
    .poll(feed, located, { ...OPTIONS, ...options })
    .map(({ method, params, weight }) => [method, params, weight]);
}

function read(venueId: string, symbol: string, feed: Feed, text: string) {
  const { venue, located } = at(venueId, symbol);
  const result = venue.rest.readPoll(feed, text, located, LOCAL_US);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const ids = (messages: readonly object[]): readonly unknown[] =>
  messages.map((one) => ('id' in one ? one.id : null));

describe('binance', () => {
  const symbol = 'BTCUSDT';

  test('asks for what fills the row, and no more', () => {
    expect(asked('binance', 'BTC/USDT', 'ticker')).toEqual([['publicGetTicker24hr', { symbol }, 2]]);
    expect(asked('binance', 'BTC/USDT:USDT', 'ticker')).toEqual([
      ['fapiPublicGetTickerBookTicker', { symbol }, 2],
      ['fapiPublicGetTicker24hr', { symbol }, 1],
    ]);
    expect(asked('binance', 'BTC/USDT', 'orderbook')).toEqual([
      ['publicGetDepth', { symbol, limit: 500 }, 25],
    ]);
    expect(asked('binance', 'BTC/USDT:USDT', 'orderbook', { depth: 1_000 })).toEqual([
      ['fapiPublicGetDepth', { symbol, limit: 1_000 }, 20],
    ]);
  });

  test.each([
    ['BTC/USDT', null, 'publicGetTrades', 25],
    ['BTC/USDT', 'aggTrade', 'publicGetAggTrades', 4],
    ['BTC/USDT:USDT', null, 'fapiPublicGetAggTrades', 20],
    ['BTC/USDT:USDT', 'trade', 'fapiPublicGetTrades', 5],
  ] as const)('trades of %s with stream %s are those of the same ids', (name, stream, method, weight) => {
    expect(asked('binance', name, 'trades', { stream })).toEqual([
      [method, { symbol, limit: 1_000 }, weight],
    ]);
  });

  test('a spot ticker', () => {
    expect(read('binance', 'BTC/USDT', 'ticker', binanceRest.spotDay)).toEqual([
      {
        type: 'ticker',
        symbol: 'BTC/USDT',
        timestampUs: 1795219200123000,
        localUs: LOCAL_US,
        fields: {
          askAmount: '0.25000000',
          askPrice: '63704.01000000',
          bidPrice: '63704.00000000',
          bidAmount: '1.50000000',
          lastPrice: '63704.01000000',
          baseVolume: '8913.30000000',
          quoteVolume: '567810123.10000000',
        },
      },
    ]);
  });

  test('a USD-M ticker is of two answers, each with its own fields and time', () => {
    const [quote] = read('binance', 'BTC/USDT:USDT', 'ticker', binanceRest.usdmBook);
    expect(quote).toMatchObject({ timestampUs: 1795219200456000 });
    expect(quote).toHaveProperty('fields', {
      bidPrice: '63704.10',
      bidAmount: '3.250',
      askPrice: '63704.20',
      askAmount: '0.100',
    });
    const [day] = read('binance', 'BTC/USDT:USDT', 'ticker', binanceRest.usdmDay);
    expect(day).toMatchObject({ timestampUs: 1795219200500000 });
    expect(day).toHaveProperty('fields', {
      lastPrice: '63704.10',
      baseVolume: '150000.123',
      quoteVolume: '9555615000.00',
    });
  });

  test('trades, single and aggregated', () => {
    expect(read('binance', 'BTC/USDT', 'trades', binanceRest.trades(7, 8))).toEqual([
      {
        type: 'trade',
        symbol: 'BTC/USDT',
        timestampUs: 1795219200129000,
        localUs: LOCAL_US,
        id: '7',
        side: 'sell',
        price: '63704.01000000',
        amount: '0.00150000',
      },
      expect.objectContaining({ id: '8' }),
    ]);
    const [agg] = read('binance', 'BTC/USDT:USDT', 'trades', binanceRest.aggTrades(900001));
    expect(agg).toMatchObject({
      id: '900001',
      side: 'buy',
      price: '63704.10',
      timestampUs: 1795219200139000,
    });
  });
});

describe('bybit', () => {
  test('asks by market, as much as a page holds', () => {
    const params = { category: 'spot', symbol: 'BTCUSDT' };
    expect(asked('bybit', 'BTC/USDT', 'ticker')).toEqual([['publicGetV5MarketTickers', params, 1]]);
    expect(asked('bybit', 'BTC/USDT', 'orderbook', { depth: 51 })).toEqual([
      ['publicGetV5MarketOrderbook', { ...params, limit: 200 }, 1],
    ]);
    expect(asked('bybit', 'BTC/USDT', 'trades')).toEqual([
      ['publicGetV5MarketRecentTrade', { ...params, limit: 60 }, 1],
    ]);
    expect(asked('bybit', 'BTC/USDT:USDT', 'trades')).toEqual([
      ['publicGetV5MarketRecentTrade', { category: 'linear', symbol: 'BTCUSDT', limit: 1_000 }, 1],
    ]);
  });

  test('answers', () => {
    expect(read('bybit', 'BTC/USDT', 'ticker', bybitRest.ticker)).toEqual([
      {
        type: 'ticker',
        symbol: 'BTC/USDT',
        timestampUs: 1795219200200000,
        localUs: LOCAL_US,
        fields: {
          askAmount: '3.79',
          askPrice: '63704.2',
          bidPrice: '63704.1',
          bidAmount: '2',
          lastPrice: '63704.17',
          baseVolume: '6801.46',
          quoteVolume: '115443168.80',
        },
      },
    ]);
    expect(read('bybit', 'BTC/USDT', 'orderbook', bybitRest.book)).toEqual([
      {
        type: 'book',
        market: 'spot',
        symbol: 'BTC/USDT',
        timestampUs: 1795219200197000,
        localUs: LOCAL_US,
        snapshot: true,
        sequence: 18521288,
        prevSequence: null,
        bids: [['63704.1', '2']],
        asks: [['63704.2', '3.79']],
      },
    ]);
    const trades = read('bybit', 'BTC/USDT', 'trades', bybitRest.trades('3', '2', '1'));
    expect(ids(trades)).toEqual(['1', '2', '3']);
    expect(trades[0]).toMatchObject({ side: 'sell', price: '63704.1', amount: '0.00012' });
  });
});

describe('okx', () => {
  test('asks by instrument, as much as a page holds', () => {
    const instId = 'BTC-USDT';
    expect(asked('okx', 'BTC/USDT', 'ticker')).toEqual([['publicGetMarketTicker', { instId }, 1]]);
    expect(asked('okx', 'BTC/USDT', 'orderbook')).toEqual([['publicGetMarketBooks', { instId, sz: 400 }, 1]]);
    expect(asked('okx', 'BTC/USDT', 'trades')).toEqual([
      ['publicGetMarketTrades', { instId, limit: 500 }, 1],
    ]);
  });

  test('answers', () => {
    expect(read('okx', 'BTC/USDT:USDT', 'ticker', okxRest.ticker)).toEqual([
      {
        type: 'ticker',
        symbol: 'BTC/USDT:USDT',
        timestampUs: 1795219200083000,
        localUs: LOCAL_US,
        fields: {
          askAmount: '11',
          askPrice: '63704.2',
          bidPrice: '63704',
          bidAmount: '5',
          lastPrice: '63704.1',
          baseVolume: '2222.2',
          quoteVolume: '',
        },
      },
    ]);
    expect(read('okx', 'BTC/USDT', 'orderbook', okxRest.book)).toMatchObject([
      {
        snapshot: true,
        sequence: 3235851742,
        bids: [['63704', '0.3', '0', '2']],
        timestampUs: 1795219200111000,
      },
    ]);
    expect(ids(read('okx', 'BTC/USDT', 'trades', okxRest.trades(12, 11, 10)))).toEqual(['10', '11', '12']);
  });
});

describe('bitflyer', () => {
  test('asks by product, as much as a page holds', () => {
    const product_code = 'FX_BTC_JPY';
    const calls = FEEDS.flatMap((feed) => asked('bitflyer', 'BTC/JPY:JPY', feed));
    expect(calls).toEqual([
      ['publicGetGetticker', { product_code }, 1],
      ['publicGetGetboard', { product_code }, 1],
      ['publicGetGetexecutions', { product_code, count: 500 }, 1],
    ]);
  });

  test('answers keep the digits of JSON numbers, and times without a zone are UTC', () => {
    expect(read('bitflyer', 'BTC/JPY', 'ticker', bitflyerRest.ticker)).toEqual([
      {
        type: 'ticker',
        symbol: 'BTC/JPY',
        timestampUs: 1795219200970000,
        localUs: LOCAL_US,
        fields: {
          askAmount: '5.00',
          askPrice: '5869004.0',
          bidPrice: '5867768.0',
          bidAmount: '0.1',
          lastPrice: '5868000.0',
          baseVolume: '6819.260000000000',
          quoteVolume: '',
        },
      },
    ]);
    expect(read('bitflyer', 'BTC/JPY', 'orderbook', bitflyerRest.board)).toMatchObject([
      { bids: [['5867768.0', '0.10']], asks: [['5869004.0', '1.20']], sequence: null, timestampUs: LOCAL_US },
    ]);
    expect(read('bitflyer', 'BTC/JPY', 'trades', bitflyerRest.executions(12, 11))).toMatchObject([
      { id: '11', side: 'buy', amount: '0.0100', timestampUs: 1795219200547123 },
      { id: '12', side: 'unknown' },
    ]);
  });
});

describe.each(VENUES.map((venue) => [venue.id, venue] as const))('%s: an answer that is none', (_, venue) => {
  const located = venue.locate(venue.defaultSymbols[0] ?? '');
  const bad = [
    '',
    'null',
    '{}',
    '[{}]',
    '<html>',
    '{"code":-1003,"msg":"banned"}',
    '{"retCode":10006}',
    '[[1]]',
  ];
  const more = ['{"result":{"list":[{}]},"retCode":0,"time":1}', '{"code":"0","data":[{"ts":"1"}]}'];

  test.each(FEEDS)('%s: fails, never throws', (feed) => {
    if (located === null) throw new Error('no symbol');
    const readIt = (text: string): Result<unknown> => venue.rest.readPoll(feed, text, located, LOCAL_US);
    for (const text of [...bad, ...more]) expect([text, readIt(text).ok]).toEqual([text, false]);
  });
});
