/** From settings to settings: what has to be done, and what is told. */

import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { settingsDiff } from '../../src/runtime/settings-diff.ts';
import { VENUES } from '../../src/venues/index.ts';

const settings = (text: string): Settings => settingsSchema(VENUES).parse(parse(text));

const BASE = 'venues: { okx: { symbols: [BTC/USDT, ETH/USDT] }, bybit: { enabled: false } }';
const CHANGE = { key: 'okx', do: 'change', added: [], removed: [], start: [], stop: [], restart: [] };
const okx = (more: string): string => `venues: { okx: { symbols: [BTC/USDT, ETH/USDT], ${more} } }`;

test.each<[string, string, readonly object[], readonly string[]]>([
  ['the same', BASE, [], []],
  ['another order of the symbols', 'venues: { okx: { symbols: [ETH/USDT, BTC/USDT] } }', [CHANGE], []],
  [
    'symbols that come and go',
    'venues: { okx: { symbols: [SOL/USDT, BTC/USDT] } }',
    [{ ...CHANGE, added: ['SOL/USDT'], removed: ['ETH/USDT'] }],
    ['venues.okx.symbols: +SOL/USDT -ETH/USDT'],
  ],
  [
    'venues that come and go',
    'venues: { okx: { enabled: false }, bybit: {}, bitflyer: {} }',
    [
      { key: 'bybit', do: 'add' },
      { key: 'okx', do: 'remove' },
      { key: 'bitflyer', do: 'add' },
    ],
    ['venues.bybit: begins', 'venues.okx: ends', 'venues.bitflyer: begins'],
  ],
  [
    'a venue that is not named any more',
    'venues: { bitflyer: { enabled: false } }',
    [{ key: 'okx', do: 'remove' }],
    ['venues.okx: ends'],
  ],
  [
    'a venue that is reached elsewhere',
    okx('endpoints: { rest: "https://proxy.example/secret" }'),
    [{ key: 'okx', do: 'renew' }],
    ['venues.okx.endpoints.rest: another'],
  ],
  [
    'a feed that ends, one that is received in another way, and one that is polled at another pace',
    okx(
      'feeds: { ticker: { rest: { interval_sec: 5 } }, orderbook: { depth: 5 }, trades: { enabled: false } }',
    ),
    [{ ...CHANGE, stop: ['trades'], restart: ['orderbook'] }],
    [
      'venues.okx.feeds.ticker.rest.interval_sec: 2 -> 5',
      'venues.okx.feeds.orderbook.depth: 200 -> 5',
      'venues.okx.feeds.trades.enabled: true -> false',
    ],
  ],
  [
    'transport, capture and fallback',
    okx(
      'feeds: { ticker: { transport: rest }, orderbook: { capture: true }, trades: { fallback: { after_sec: 9 } } }',
    ),
    [{ ...CHANGE, restart: ['ticker', 'orderbook', 'trades'] }],
    [
      'venues.okx.feeds.ticker.transport: ws -> rest',
      'venues.okx.feeds.orderbook.capture: false -> true',
      'venues.okx.feeds.trades.fallback.after_sec: 30 -> 9',
    ],
  ],
  [
    'the numbers of a rate',
    okx('rate: { max_info_rpm: 100, windows: { books: { limit: 10 } } }'),
    [CHANGE],
    ['venues.okx.rate.max_info_rpm: 300 -> 100', 'venues.okx.rate.windows.books.limit: 40 -> 10'],
  ],
  [
    'what is not of a venue',
    `health: { max_rss_mb: 900, webhook: "https://hooks.example/secret" }\nretention: { max_age_days: 3 }\narchive: { max_file_mb: 9 }\n${BASE}`,
    [],
    [
      'archive.max_file_mb: 256 -> 9',
      'retention.max_age_days: none -> 3',
      'health.max_rss_mb: 1500 -> 900',
      'health.webhook: another',
    ],
  ],
  ['the mode alone, which is told by itself', `runtime: { mode: DIAG }\n${BASE}`, [], []],
])('%s', (_, text, venues, now) => {
  const diff = settingsDiff(settings(BASE), settings(text));
  expect(diff).toEqual({ venues, now, later: [] });
});

test('a feed that begins, and the way back', () => {
  const without = settings(okx('feeds: { trades: { enabled: false } }'));
  expect(settingsDiff(without, settings(BASE)).venues).toEqual([{ ...CHANGE, start: ['trades'] }]);
});

test('what hangs on open files and sockets waits for the next start', () => {
  const text = `paths: { data: /elsewhere }\nwriter: { flush_ms: 20 }\nhttp: { enabled: true }\n${BASE}`;
  expect(settingsDiff(settings(BASE), settings(text))).toEqual({
    venues: [],
    now: [],
    later: ['paths.data: ./data -> /elsewhere', 'writer.flush_ms: 50 -> 20', 'http.enabled: false -> true'],
  });
});
