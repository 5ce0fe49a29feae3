/** Polling as its users have it: a real collector against the simulator, in real time. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runReplay } from '../../src/apps/replay.ts';
import { FEEDS, type Feed } from '../../src/core/event.ts';
import { VENUES } from '../../src/venues/index.ts';
import {
  hasFile,
  type JournalLine,
  type Run,
  simulator,
  startCollector,
  until,
} from '../support/collector.ts';
import { fileOf } from '../support/journal.ts';
import { testPlace } from '../support/place.ts';
import { relayTo } from '../support/relay.ts';

/** A minute is the longer run: TAPEDECK_POLL_SEC=60. */
const SECONDS = Number(process.env.TAPEDECK_POLL_SEC ?? 20);
const root = mkdtempSync(join(tmpdir(), 'tapedeck-poll-'));
const runs: Run[] = [];

afterAll(() => {
  for (const run of runs) run.process.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

function start(...args: Parameters<typeof startCollector>): Run {
  const run = startCollector(...args);
  runs.push(run);
  return run;
}

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function rows(folder: string, feed: Feed, venue: string, symbol: string): readonly string[] {
  const text = readFileSync(join(folder, 'data/raw', fileOf(feed, venue, symbol)), 'utf8');
  return text.split('\n').slice(1, -1);
}

interface Fact {
  readonly ts: number;
  readonly type: string;
  readonly scope: string;
  readonly on?: boolean;
  readonly kind?: string;
}

const facts = (folder: string): readonly Fact[] =>
  readFileSync(join(folder, 'data/collector/events.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Fact);

const quoted = (value: unknown): string => JSON.stringify(value).replaceAll('"', '""');

/** The part of a row that the journal knows. */
function told(line: JournalLine): string {
  const { feed, timestampUs, id, side, price, amount } = line;
  if (feed === 'trades') return `${timestampUs} ${id},${side},${price},${amount}`;
  return feed === 'ticker' ? `${timestampUs}` : `${quoted(line.bids)}","${quoted(line.asks)}`;
}

function seen(feed: Feed, row: string): string {
  const cells = row.split(',');
  if (feed === 'trades') return `${cells[2]} ${cells.slice(4).join()}`;
  return feed === 'ticker' ? `${cells[2]}` : row.slice(row.indexOf('"') + 1, row.lastIndexOf('"'));
}

test(`twelve polled feeds at full demand for ${SECONDS} s: the venues' targets, used up and kept`, async () => {
  const { sim, journal } = await simulator(3);
  const folder = join(root, 'twelve');
  const polled = { transport: 'rest', rest: { interval_sec: 0.1 } };
  const feeds = { ticker: polled, orderbook: polled, trades: polled };
  const venues = Object.fromEntries(
    VENUES.map((venue) => [
      venue.id,
      {
        endpoints: sim.endpoints[venue.id],
        symbols: venue.id === 'bitflyer' ? ['BTC/JPY', 'BTC/JPY:JPY'] : ['BTC/USDT', 'BTC/USDT:USDT'],
        feeds,
      },
    ]),
  );
  const run = start(folder, venues, ['--capture']);
  await until('all twelve collect', () => {
    if (!hasFile(folder, 'runtime/READY')) return false;
    const { workers } = run.status();
    return workers.length === 12 && workers.every((one) => one.state === 'collecting');
  });
  const before = sim.requests();
  const startMs = performance.now();
  await pass(SECONDS * 1_000);
  const after = sim.requests();
  const minutes = (performance.now() - startMs) / 60_000;
  for (const venue of VENUES) {
    const target = 0.9 * venue.maxInfoRpm;
    const count = (after[venue.id] ?? 0) - (before[venue.id] ?? 0);
    if (SECONDS > 20) console.log(venue.id, count, 'of', target * minutes);
    expect(count, venue.id).toBeLessThanOrEqual(Math.floor(target * minutes) + 1);
    expect(count, venue.id).toBeGreaterThanOrEqual(0.95 * target * minutes - 1);
  }
  const status = run.status();
  expect(status.workers.map((one) => one.transport)).toEqual(Array(12).fill('rest'));
  expect(status.workers.map((one) => [one.id, one.rejects])).toEqual(
    status.workers.map((one) => [one.id, 0]),
  );
  // No socket was ever opened.
  expect(sim.sent()).toBe(0);
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);

  for (const [venue, { symbols }] of Object.entries(venues)) {
    for (const symbol of symbols) {
      for (const feed of FEEDS) {
        const mine = rows(folder, feed, venue, symbol).map((row) => seen(feed, row));
        const theirs = journal
          .filter((line) => line.venue === venue && line.symbol === symbol && line.feed === feed)
          .map(told);
        // What was on its way at the stop is no row.
        expect(mine.length, `${feed} ${venue} ${symbol}`).toBeGreaterThan(SECONDS / 10);
        expect(mine, `${feed} ${venue} ${symbol}`).toEqual(theirs.slice(0, mine.length));
      }
    }
  }
  await sim.stop();

  const place = testPlace(join(root, 'replay'));
  const errors: string[] = [];
  const io = { out: () => undefined, err: (line: string) => errors.push(line) };
  const out = join(root, 'replayed');
  const replayed = await runReplay([join(folder, 'data/capture'), '--out', out], place, io, {});
  expect([replayed, errors]).toEqual([0, []]);
  for (const [venue, { symbols }] of Object.entries(venues)) {
    for (const symbol of symbols) {
      for (const feed of FEEDS) {
        const name = fileOf(feed, venue, symbol);
        const live = readFileSync(join(folder, 'data/raw', name), 'utf8');
        expect(readFileSync(join(out, 'raw', name), 'utf8') === live, name).toBe(true);
      }
    }
  }
}, 180_000);

test('a WebSocket that is cut is polled until it is back: in time, and no trade lost or doubled', async () => {
  const AFTER_SEC = 2;
  const BACK_SEC = 3;
  const { sim } = await simulator(2);
  const relay = await relayTo(sim.port);
  const folder = join(root, 'fallback');
  const fallback = { after_sec: AFTER_SEC, back_sec: BACK_SEC };
  const own = { rest: { interval_sec: 1 }, fallback };
  const feeds = { ticker: { enabled: false }, orderbook: own, trades: own };
  // Their ids count up by one, so a hole shows in the file itself.
  const symbols = { binance: 'BTC/USDT', bybit: 'BTC/USDT', bitflyer: 'BTC/JPY' };
  const venues = Object.fromEntries(
    Object.entries(symbols).map(([id, symbol]) => {
      const direct = sim.endpoints[id];
      const endpoints = {
        ...relay.through(direct),
        rest: direct?.rest,
        ...(id === 'binance' ? { futures_rest: direct?.futures_rest } : {}),
      };
      return [id, { symbols: [symbol], endpoints, feeds }];
    }),
  );
  const run = start(folder, venues);
  const workers = () => run.status().workers;
  const count = (id: string) => workers().find((one) => one.id === id)?.events_total ?? 0;
  await until('all collect', () => {
    return (
      hasFile(folder, 'runtime/READY') &&
      workers().length === 6 &&
      workers().every((one) => one.events_total > 5)
    );
  });
  relay.sever();
  const cutTs = Date.now() / 1_000;
  await until('all are polled', () => workers().every((one) => one.fallback));
  const polledCounts = workers().map((one) => count(one.id));
  await until('all go on', () => workers().every((one, at) => count(one.id) > (polledCounts[at] ?? 0) + 3));
  expect(run.status().level).toBe('WARN');
  expect(run.status().reasons).toContain('binance.trades: polled by REST: no WebSocket');
  expect(workers().map((one) => one.transport)).toEqual(Array(6).fill('ws'));
  relay.mend();
  await until('none is polled', () => workers().every((one) => !one.fallback), 60_000);
  await until('books are joined', () =>
    workers().every((one) =>
      Object.values(one.symbols).every(({ state }) => state !== 'polled' && state !== 'resyncing'),
    ),
  );
  await pass(1_500);
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);
  await relay.close();
  await sim.stop();

  const all = facts(folder);
  const of = (type: string, scope: string): readonly Fact[] =>
    all.filter((fact) => fact.type === type && fact.scope === scope);
  for (const [venue, symbol] of Object.entries(symbols)) {
    for (const feed of ['trades', 'orderbook'] as const) {
      const scope = `${venue}.${feed}`;
      const [on, off, ...more] = of('fallback', scope);
      expect([on?.on, off?.on, more], scope).toEqual([true, false, []]);
      expect((on?.ts ?? 0) - cutTs, scope).toBeGreaterThan(AFTER_SEC - 0.1);
      expect((on?.ts ?? 0) - cutTs, scope).toBeLessThan(AFTER_SEC + 1);
      const back = of('connect', scope).at(-1)?.ts ?? 0;
      expect((off?.ts ?? 0) - back, scope).toBeGreaterThan(BACK_SEC - 0.1);
      expect((off?.ts ?? 0) - back, scope).toBeLessThan(BACK_SEC + 1);
    }
    const ids = rows(folder, 'trades', venue, symbol).map((row) => BigInt(row.split(',')[4] ?? ''));
    const sorted = [...ids].sort((a, b) => (a < b ? -1 : 1));
    const first = sorted[0] ?? 0n;
    expect(ids.length, venue).toBeGreaterThan(20);
    expect(
      sorted.every((id, at) => id === first + BigInt(at)),
      venue,
    ).toBe(true);
    // A trade that comes over the stream before the last poll is answered looks like a gap, and is asked for.
    const ends = gapEnds(folder, venue);
    expect([venue, ends.filter(({ repaired }) => repaired !== 'full')]).toEqual([venue, []]);
    expect([venue, ends.length > 0]).toEqual([venue, true]);
  }
}, 120_000);

interface GapEnd {
  readonly venue: string;
  readonly feed: string;
  readonly state: string;
  readonly repaired?: string;
}

function gapEnds(folder: string, venue: string): readonly GapEnd[] {
  return readFileSync(join(folder, 'data', 'collector', 'gaps.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as GapEnd)
    .filter((one) => one.venue === venue && one.feed === 'trades' && one.state === 'closed');
}
