/** A real fetcher against the simulator in memory: one thread, no sockets, time that the test moves. */

import { expect, test } from 'vitest';
import type { Feed } from '../../src/core/event.ts';
import { manualTime } from '../../src/core/manual-time.ts';
import { err, ok } from '../../src/core/result.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import { DEFAULT_TUNING, type FromFetcher, NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { createMemorySim } from '../../src/sim/memory.ts';
import { randomFaults } from '../../src/sim/random-faults.ts';
import { venueById } from '../../src/venues/index.ts';
import { type Json, START_US } from './bench.ts';

const PATHS: Readonly<Record<string, string>> = { publicGetDepth: '/api/v3/depth' };

function fetch(venueId: string, feed: Feed, symbol: string) {
  const venue = venueById(venueId);
  if (venue === undefined) throw new Error(`no venue ${venueId}`);
  const clock = manualTime(START_US);
  const journal: Json[] = [];
  const sim = createMemorySim({
    ...{ seed: 3, rate: 2, venues: [venue], symbols: {}, clock },
    journal: (line) => journal.push(JSON.parse(line)),
  });
  const posts: FromFetcher[] = [];
  const run = startFeed(
    venue,
    {
      ...{
        venue: venueId,
        key: venueId,
        feed,
        transport: 'ws',
        left: NOTHING_LEFT,
        capture: null,
        fallback: null,
      },
      instruments: [venue.locate(symbol)].flatMap((one) => one ?? []),
      endpoints: sim.endpoints[venueId] ?? {},
      options: { depth: 200, stream: null },
      tuning: DEFAULT_TUNING,
      poll: { intervalMs: 2_000, jitter: 0, maxIntervalMs: 60_000 },
    },
    {
      clock,
      random: () => 0.5,
      open: ({ url }, handlers) => sim.open(url, handlers),
      async ask({ method, params }) {
        const query = new URLSearchParams(
          Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]),
        );
        const answer = await sim.get(`${sim.endpoints[venueId]?.rest}${PATHS[method]}?${query}`);
        if (!answer.ok) return err(answer.error);
        const { text, localUs, url } = answer.value;
        return ok({ text, localUs, url });
      },
      stretch: () => 1,
      capture: null,
      post: (message) => posts.push(message),
    },
  );
  run.credit(1_000_000);
  return {
    sim,
    journal,
    async advance(sec: number) {
      for (let at = 0; at < sec * 20; at++) {
        clock.advanceTo(clock.wallUs() + 50_000);
        await Promise.resolve();
        await Promise.resolve();
      }
    },
    rows: () =>
      posts.flatMap((post) =>
        post.type === 'batch'
          ? Buffer.from(post.batch.bytes).toString('utf8').split('\n').filter(Boolean)
          : [],
      ),
    facts: (type: string) => posts.filter((post) => post.type === 'fact' && post.fact.type === type),
  };
}

test('trades, through ten minutes of faults: just those that were sent whole, once each', async () => {
  const bench = fetch('okx', 'trades', 'BTC/USDT');
  const mix = { seed: 11, mix: 'messages', perMinute: 20, served: bench.sim.places, untilSec: 540 } as const;
  for (const fault of randomFaults(mix))
    if (!('feed' in fault) || fault.feed === 'trades') bench.sim.addFault(fault);
  for (const code of [undefined, 1001])
    bench.sim.addFault({
      kind: 'disconnect',
      venue: 'okx',
      afterSec: 200,
      everySec: 150,
      ...(code ? { code } : {}),
    });
  await bench.advance(600);
  bench.sim.pause();
  await bench.advance(5);
  const recorded = bench.rows().map((row) => row.split(',')[4]);
  const told = bench.journal.filter((line) => line.feed === 'trades');
  const sent = new Set(told.filter((line) => line.withheld === undefined).map((line) => line.id));
  expect(recorded.length).toBeGreaterThan(1_000);
  expect(new Set(recorded).size).toBe(recorded.length);
  expect(new Set(recorded)).toEqual(sent);
  expect(told.some((line) => line.withheld === 'drop')).toBe(true);
  expect(told.some((line) => line.doubled === 'duplicate')).toBe(true);
  expect(new Set(bench.journal.flatMap(({ fault }) => fault?.kind ?? [])).size).toBeGreaterThan(5);
});

test('a book: a lost change is joined anew by REST, where the first answer is older than the stream', async () => {
  const bench = fetch('binance', 'orderbook', 'BTC/USDT');
  const where = { venue: 'binance', symbol: 'BTC/USDT', feed: 'orderbook' };
  const snapshots = () => bench.rows().filter((row) => row.split(',')[4] === 'true').length;
  await bench.advance(10);
  expect(snapshots()).toBe(1);
  bench.sim.addFault({ kind: 'stale_snapshot', ...where });
  await bench.advance(5);
  bench.sim.addFault({ kind: 'drop', ...where });
  await bench.advance(20);
  expect(bench.journal.flatMap(({ fault }) => fault?.kind ?? [])).toEqual(['drop', 'stale_snapshot']);
  const asked = bench.journal.filter((line) => line.conn === 'rest' && line.feed !== undefined);
  expect(asked).toHaveLength(3);
  expect(asked[1]?.sequence).toBeLessThan(asked[2]?.sequence);
  expect(snapshots()).toBe(2);
  expectUpToDate(bench);
});

test.each([
  ['binance', 2],
  ['bybit', 2],
  ['okx', 1],
])('a book of %s: numbers that begin anew do not stop it', async (venue, snapshots) => {
  const bench = fetch(venue, 'orderbook', 'BTC/USDT');
  await bench.advance(10);
  bench.sim.addFault({ kind: 'sequence_reset', venue, symbol: 'BTC/USDT' });
  await bench.advance(10);
  expect(bench.journal.filter(({ fault }) => fault !== undefined)).toHaveLength(1);
  expect(bench.rows().filter((row) => row.split(',')[4] === 'true')).toHaveLength(snapshots);
  expectUpToDate(bench);
});

/** The newest change that was sent is the newest row. */
function expectUpToDate(bench: ReturnType<typeof fetch>): void {
  const newest = bench.journal.findLast((line) => line.feed === 'orderbook' && line.conn !== 'rest');
  expect(Number(bench.rows().at(-1)?.split(',')[5])).toBe(newest?.sequence);
}
