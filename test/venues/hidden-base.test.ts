/** A URL whose base is hidden, as a capture holds it, is known for what it was. */

import { expect, test } from 'vitest';
import { baseHider } from '../../src/core/redact.ts';
import { VENUES } from '../../src/venues/index.ts';

const REST = [
  ['binance', 'rest', '/api/v3/depth?symbol=BTCUSDT&limit=500'],
  ['binance', 'futures_rest', '/fapi/v1/depth?symbol=BTCUSDT'],
  ['bitflyer', 'rest', '/v1/getexecutions?product_code=BTC_JPY'],
  ['bybit', 'rest', '/v5/market/orderbook?category=linear&symbol=BTCUSDT'],
  ['okx', 'rest', '/api/v5/market/trades?instId=BTC-USDT-SWAP'],
] as const;

const secretBases = (venue: (typeof VENUES)[number]) =>
  Object.fromEntries(Object.entries(venue.endpoints).map(([key, base]) => [key, `${base}/t0k3n-of-ours`]));

test.each(REST)('%s %s%s', (id, key, path) => {
  const venue = VENUES.find((one) => one.id === id);
  if (venue === undefined) throw new Error(`no venue ${id}`);
  const bases = secretBases(venue);
  const url = `${bases[key]}${path}`;
  const hidden = baseHider(Object.values(bases))(url);
  expect(hidden).not.toContain('t0k3n');
  expect(venue.rest.recognise(url)).not.toBeNull();
  expect(venue.rest.recognise(hidden)).toEqual(venue.rest.recognise(url));
});

test.each(VENUES.map((venue) => [venue.id, venue] as const))('the connections of %s', (_, venue) => {
  const endpoints = secretBases(venue);
  const hide = baseHider(Object.values(endpoints));
  const instruments = ['BTC/USDT', 'BTC/USDT:USDT', 'BTC/JPY'].flatMap(
    (symbol) => venue.locate(symbol) ?? [],
  );
  for (const feed of venue.feeds) {
    const plans = venue.dial({ feed, instruments, endpoints, options: { depth: 200, stream: null } });
    expect(plans.length).toBeGreaterThan(0);
    for (const { url } of plans) {
      expect([hide(url).includes('t0k3n'), venue.marketOf(hide(url))]).toEqual([false, venue.marketOf(url)]);
    }
  }
});
