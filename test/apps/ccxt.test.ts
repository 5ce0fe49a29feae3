/** Exchanges with no code of their own: a real collector against servers that answer in their formats. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runReplay } from '../../src/apps/replay.ts';
import { FEEDS } from '../../src/core/event.ts';
import type { RateStats } from '../../src/runtime/rate-stats.ts';
import { hasFile, type Run, startCollector, until } from '../support/collector.ts';
import { coinbaseServer, krakenServer } from '../support/foreign.ts';
import { fileOf } from '../support/journal.ts';
import { testPlace } from '../support/place.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-ccxt-'));
const runs: Run[] = [];
afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

const cells = (feed: string, ex: string): readonly string[] =>
  readFileSync(join(root, 'data/raw', fileOf(feed, ex, 'BTC/USD')), 'utf8')
    .split('\n')
    .slice(1, -1);

test('kraken and coinbase are polled through the governor, each HTTP request one permit', async () => {
  const kraken = await krakenServer();
  const coinbase = await coinbaseServer();
  const feed = { rest: { interval_sec: 0.5 } };
  const venue = (rest: string) => ({
    symbols: ['BTC/USD'],
    endpoints: { rest },
    feeds: { ticker: feed, orderbook: feed, trades: feed },
    rate: { max_info_rpm: 300 },
  });
  const venues = { 'ccxt:kraken': venue(kraken.origin), 'ccxt:coinbase': venue(coinbase.origin) };
  const run = startCollector(root, venues, ['--capture']);
  runs.push(run);
  await until(
    'all six collect',
    () => {
      if (!hasFile(root, 'runtime/READY')) return false;
      const { workers } = run.status();
      return workers.length === 6 && workers.every((one) => one.rows_written >= 3);
    },
    40_000,
  );
  const status = run.status();
  expect(status.workers.map(({ id, transport }) => `${id} ${transport}`).sort()).toEqual([
    'coinbase.orderbook rest',
    'coinbase.ticker rest',
    'coinbase.trades rest',
    'kraken.orderbook rest',
    'kraken.ticker rest',
    'kraken.trades rest',
  ]);
  expect([status.level, status.reasons]).toEqual(['OK', []]);
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);

  const { stats } = JSON.parse(
    readFileSync(join(root, 'data/collector/rate_stats.json'), 'utf8'),
  ) as RateStats;
  expect(stats.kraken).toMatchObject({ target_rpm: 270, permits_total: kraken.asked.length });
  expect(stats.coinbase).toMatchObject({ target_rpm: 270, permits_total: coinbase.asked.length });
  // 60 / 270 s apart, first to last: no burst, whatever ccxt does at once.
  for (const { asked } of [kraken, coinbase]) {
    const gaps = asked.slice(1).map(({ atMs }, at) => atMs - (asked[at]?.atMs ?? 0));
    expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeGreaterThanOrEqual(220);
  }

  const ids = cells('trades', 'kraken').map((row) => Number(row.split(',')[4]));
  expect(ids.slice(0, 5)).toEqual([1_000, 1_001, 1_002, 1_003, 1_004]);
  expect(cells('trades', 'kraken')[0]).toMatch(
    /^kraken,BTC\/USD,1795220200123000,\d{16},1000,buy,63704\.1,0\.0015$/,
  );
  expect(cells('ticker', 'kraken')[0]).toMatch(
    /^kraken,BTC\/USD,(\d{16}),\1,1,63704\.2,63704\.1,2,63704\.1,1234\.5,/,
  );
  expect(cells('orderbook', 'kraken')[0]).toContain(
    ',true,,"[[""63704.1"",""1.5""],[""9704.1"",""2.25""]]","[[""63704.2"",""0.00000001""]]",,',
  );
  expect(cells('trades', 'coinbase')[0]).toMatch(
    /^coinbase,BTC\/USD,1795219201123000,\d{16},100\d\d,(buy|sell),67060\.01,0\.002$/,
  );
  expect(cells('orderbook', 'coinbase')[0]).toContain(
    ',true,,"[[""67060"",""0.5""]]","[[""67060.02"",""0.25""]]",,',
  );
  expect(cells('ticker', 'coinbase')[0]).toMatch(/,67060\.02,67060,/);

  const errors: string[] = [];
  const io = { out: () => undefined, err: (line: string) => errors.push(line) };
  const out = join(root, 'replayed');
  const settings = join(root, 'settings.yaml');
  const args = [join(root, 'data/capture'), '--out', out, '--config', settings];
  expect([await runReplay(args, testPlace(join(root, 'place')), io, {}), errors]).toEqual([0, []]);
  for (const ex of ['kraken', 'coinbase']) {
    for (const name of FEEDS.map((one) => fileOf(one, ex, 'BTC/USD'))) {
      const live = readFileSync(join(root, 'data/raw', name), 'utf8');
      expect(readFileSync(join(out, 'raw', name), 'utf8') === live, name).toBe(true);
    }
  }
  await kraken.stop();
  await coinbase.stop();
}, 90_000);

test.each([
  ['ccxt:krakn', { symbols: ['BTC/USD'] }, 'venues.ccxt:krakn: expected'],
  ['ccxt:binance', {}, 'venues.ccxt:binance: expected'],
  ['ccxt:kraken', {}, 'venues.ccxt:kraken.symbols: expected'],
  [
    'ccxt:kraken',
    { symbols: ['BTC/USD'], feeds: { trades: { transport: 'ws' } } },
    'venues.ccxt:kraken.feeds.trades.transport: expected rest',
  ],
])('%s with %j is refused, with its place', async (key, settings, expected) => {
  const folder = mkdtempSync(join(root, 'bad-'));
  const run = startCollector(folder, { [key]: settings });
  runs.push(run);
  expect(await run.exit).toBe(64);
  expect(run.errors.join('\n')).toContain(expected);
});
