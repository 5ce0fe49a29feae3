/**
 * Connections that live for two seconds, over real sockets to the simulator: what is recorded is what a feed whose
 * connections last records, row by row.
 */

import { expect, test } from 'vitest';
import type { Feed } from '../../src/core/event.ts';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestCall, Venue } from '../../src/core/venue.ts';
import { systemClock } from '../../src/io/clock.ts';
import { openSocket } from '../../src/io/socket.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import { DEFAULT_TUNING, type Fact, NOTHING_LEFT, type RestText } from '../../src/runtime/protocol.ts';
import { startSim } from '../../src/sim/server.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';

const LIFE_MS = 2_000;
const RUN_MS = 9_000;
const clock = systemClock();

/** Rows by symbol, without our own time of receipt. */
interface Recorded {
  readonly rows: Map<string, string[]>;
  readonly facts: Fact[];
  stop(): Promise<void>;
}

const DEPTHS: Readonly<Record<string, readonly [endpoint: string, path: string]>> = {
  publicGetDepth: ['rest', '/api/v3/depth'],
  fapiPublicGetDepth: ['futures_rest', '/fapi/v1/depth'],
};

function record(
  venue: Venue,
  feed: Feed,
  symbols: readonly string[],
  endpoints: Readonly<Record<string, string>>,
): Recorded {
  const rows = new Map<string, string[]>();
  const facts: Fact[] = [];
  const ask = async ({ method, params }: RestCall): Promise<Result<RestText>> => {
    const [key, path] = DEPTHS[method] ?? [];
    if (key === undefined) return err(failure('test', `not asked for: ${method}`));
    const query = new URLSearchParams(
      Object.entries(params).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const url = `${endpoints[key]}${path}?${query}`;
    return ok({ text: await (await fetch(url)).text(), localUs: clock.wallUs(), url });
  };
  const run = startFeed(
    venue,
    {
      venue: venue.id,
      key: venue.id,
      feed,
      instruments: symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
      endpoints,
      options: { depth: 200, stream: null },
      transport: 'ws',
      left: NOTHING_LEFT,
      capture: null,
      tuning: { ...DEFAULT_TUNING, statusMs: 200 },
      poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
      fallback: null,
    },
    {
      clock,
      random: Math.random,
      open: (plan, handlers) => openSocket(plan.url, clock, handlers),
      ask,
      stretch: () => 1,
      post(message) {
        if (message.type === 'fact') facts.push(message.fact);
        if (message.type !== 'batch') return;
        for (const row of Buffer.from(message.batch.bytes).toString('utf8').split('\n').filter(Boolean)) {
          const [exchange, symbol = '', timestamp, , ...rest] = row.split(',');
          rows.set(symbol, [...(rows.get(symbol) ?? []), [exchange, symbol, timestamp, ...rest].join()]);
        }
      },
      capture: null,
    },
  );
  run.credit(100_000);
  return { rows, facts, stop: run.stop };
}

/** The same declarations, with connections that end soon. */
const shortLived = (venue: Venue): Venue => ({
  ...venue,
  dial: (plan) => venue.dial(plan).map((one) => ({ ...one, lifeMs: LIFE_MS, connects: null })),
});

/** From the first row that both have to the last one. */
function common(a: readonly string[], b: readonly string[]): readonly [readonly string[], readonly string[]] {
  const both = new Set(b);
  const shared = a.filter((row) => both.has(row));
  const [first = '', last = ''] = [shared[0], shared.at(-1)];
  return [
    a.slice(a.indexOf(first), a.lastIndexOf(last) + 1),
    b.slice(b.indexOf(first), b.lastIndexOf(last) + 1),
  ];
}

const spotOf = (id: string): readonly string[] =>
  (venueById(id)?.sim.instruments ?? [])
    .filter(({ market }) => market === 'spot')
    .map(({ symbol }) => symbol);
const linearOf = (id: string): readonly string[] =>
  (venueById(id)?.sim.instruments ?? [])
    .filter(({ market }) => market === 'linear')
    .map(({ symbol }) => symbol);
const allOf = (id: string): readonly string[] => [...spotOf(id), ...linearOf(id)];

/** Tickers that come over one stream: two have no order between them. */
const CASES: readonly (readonly [venue: string, feed: Feed, symbols: readonly string[]])[] = [
  ['binance', 'orderbook', allOf('binance')],
  ['binance', 'trades', allOf('binance')],
  ['bybit', 'orderbook', allOf('bybit')],
  ['bybit', 'trades', allOf('bybit')],
  ['bybit', 'ticker', linearOf('bybit')],
  ['okx', 'orderbook', allOf('okx')],
  ['okx', 'trades', allOf('okx')],
  ['okx', 'ticker', allOf('okx')],
  ['bitflyer', 'trades', allOf('bitflyer')],
  ['bitflyer', 'ticker', allOf('bitflyer')],
];

test('connections that end every two seconds leave no gap and no doubled row', async () => {
  const started = await startSim({
    host: '127.0.0.1',
    port: 0,
    seed: 7,
    rate: 30,
    venues: VENUES,
    symbols: {},
    clock,
    journal: null,
  });
  if (!started.ok) throw new Error(started.error.message);
  const sim = started.value;
  const runs = CASES.map(([id, feed, symbols]) => {
    const venue = venueById(id);
    if (venue === undefined) throw new Error(`no venue ${id}`);
    const endpoints = sim.endpoints[id] ?? {};
    return {
      name: `${id}.${feed}`,
      lasting: record(venue, feed, symbols, endpoints),
      short: record(shortLived(venue), feed, symbols, endpoints),
    };
  });
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  sim.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const { short, lasting } of runs) await Promise.all([short.stop(), lasting.stop()]);
  await sim.stop();
  for (const { name, short, lasting } of runs) {
    const done = short.facts.filter(({ type, state }) => type === 'handover' && state === 'done');
    expect(done.length, name).toBeGreaterThanOrEqual(2);
    expect([name, short.facts.filter(({ type }) => ['resync', 'reconnect', 'gap'].includes(type))]).toEqual([
      name,
      [],
    ]);
    expect([...short.rows.keys()].sort(), name).toEqual([...lasting.rows.keys()].sort());
    for (const [symbol, rows] of short.rows) {
      // A book that each joined at its own snapshot names that one in its last cell.
      const cut = (some: readonly string[]) =>
        name.endsWith('orderbook') ? some.map((row) => row.replace(/,\d+$/, '')) : some;
      const [a, b] = common(cut(rows), cut(lasting.rows.get(symbol) ?? []));
      expect(a.length, `${name} ${symbol}`).toBeGreaterThan(20);
      // A venue's message that equals the one before it in all, and in time, can be left out while two bring it.
      const isTicker = name.endsWith('ticker');
      const once = (some: readonly string[]) => some.filter((row, at) => !isTicker || row !== some[at - 1]);
      expect(a.length, `${name} ${symbol}`).toBeLessThanOrEqual(b.length);
      expect(once(a), `${name} ${symbol}`).toEqual(once(b));
    }
  }
}, 60_000);
