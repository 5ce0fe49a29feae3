/** ccxt's unified answers as rows. */

import { expect, test } from 'vitest';
import type { Feed } from '../../src/core/event.ts';
import { ccxtVenue } from '../../src/venues/ccxt/index.ts';
import { venueByKey, venuesOf } from '../../src/venues/index.ts';
import { LOCAL_US } from '../support/intake.ts';

const venue = ccxtVenue('kraken');
const located = { symbol: 'BTC/USD', id: 'BTC/USD', market: 'spot' } as const;
const TIME = 1_795_219_200_123;

function read(feed: Feed, answer: unknown) {
  return venue.rest.readPoll(feed, JSON.stringify(answer), located, LOCAL_US);
}

test('the settings name it, and no venue of ours', () => {
  expect(venueByKey('ccxt:kraken')).toMatchObject({ id: 'kraken', key: 'ccxt:kraken' });
  expect([venueByKey('ccxt:binance'), venueByKey('kraken')]).toEqual([undefined, undefined]);
  expect(venuesOf({ venues: { okx: {}, 'ccxt:kraken': {} } }).map(({ id }) => id)).toEqual([
    'bitflyer',
    'binance',
    'bybit',
    'okx',
    'kraken',
  ]);
});

test('numbers are decimal text without exponents; what is absent is empty, or our time', () => {
  expect(read('ticker', { bid: 1e-7, ask: 2.5e-8, last: 63704.1, askVolume: null, timestamp: null })).toEqual(
    {
      ok: true,
      value: [
        {
          type: 'ticker',
          symbol: 'BTC/USD',
          timestampUs: LOCAL_US,
          localUs: LOCAL_US,
          fields: {
            askAmount: '',
            askPrice: '0.000000025',
            bidPrice: '0.0000001',
            bidAmount: '',
            lastPrice: '63704.1',
            baseVolume: '',
            quoteVolume: '',
          },
        },
      ],
    },
  );
});

test('a book with a nonce, and levels of three', () => {
  const answer = { timestamp: TIME, nonce: 7, bids: [[9.5, 1, 1795219200]], asks: [[10, 0.001]] };
  expect(read('orderbook', answer)).toMatchObject({
    ok: true,
    value: [
      {
        snapshot: true,
        sequence: 7,
        timestampUs: TIME * 1000,
        bids: [['9.5', '1']],
        asks: [['10', '0.001']],
      },
    ],
  });
});

test('a trade without an id is known by what is told of it', () => {
  const one = { timestamp: TIME, side: 'buy', price: 9.5, amount: 1 };
  expect(read('trades', [one, { ...one, id: 'x', side: undefined }])).toMatchObject({
    ok: true,
    value: [
      { id: `${TIME}-buy-9.5-1`, side: 'buy' },
      { id: 'x', side: 'unknown' },
    ],
  });
});

test('an answer that is none fails', () => {
  for (const bad of [
    null,
    [],
    {},
    [{ id: 'x' }],
    { bids: [['a', 1]], asks: [] },
    [{ timestamp: TIME, price: -1 }],
  ])
    for (const feed of ['orderbook', 'trades'] as const)
      if (!(feed === 'trades' && Array.isArray(bad) && bad.length === 0))
        expect([feed, bad, read(feed, bad).ok]).toEqual([feed, bad, false]);
});
