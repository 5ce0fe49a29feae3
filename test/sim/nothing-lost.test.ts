/**
 * Each fault of the simulator, on every venue, on time that the test moves: what the market did is what was recorded,
 * and what the ledger says is missing; nothing else. And no symbol is touched that had no fault.
 */

import { describe, expect, test } from 'vitest';
import type { Gap, GapEnd } from '../../src/core/gap.ts';
import { randomFaults } from '../../src/sim/random-faults.ts';
import { type Virtual, type VirtualFeed, virtualVenue } from '../support/virtual.ts';

const SYMBOLS: Readonly<Record<string, readonly [string, string]>> = {
  binance: ['BTC/USDT', 'ETH/USDT:USDT'],
  bybit: ['BTC/USDT', 'ETH/USDT:USDT'],
  okx: ['BTC/USDT', 'ETH/USDT:USDT'],
  bitflyer: ['BTC/JPY', 'BTC/JPY:JPY'],
};
const VENUES = Object.keys(SYMBOLS);

interface Closed {
  readonly gap: Gap;
  readonly end: GapEnd;
}

/** Every gap has ended. */
function closedOf(feed: VirtualFeed): readonly Closed[] {
  const changes = feed.gaps();
  const closed = changes.flatMap((change) =>
    change.state === 'closed' ? [{ gap: change.gap, end: change.end }] : [],
  );
  const open = changes.filter(
    ({ state, gap }) => state === 'open' && !closed.some((one) => one.gap.id === gap.id),
  );
  expect(open.map(({ gap }) => `${gap.symbol} ${gap.kind} ${gap.reason}`)).toEqual([]);
  return closed;
}

/** Ids that tell nothing of what was left out: a trade lost on a connection that lives is known to nobody. */
const UNCOUNTED = ['bybit', 'bitflyer'];

/** Trades of the market from the first recorded one on: rows once each, but for what the ledger says is missing. */
function checkTrades({ journal, feeds }: Virtual, venue: string): void {
  const closed = closedOf(feeds.trades);
  const withheld = journal
    .filter((line) => line.feed === 'trades' && line.withheld === 'drop')
    .map(({ id }) => id);
  for (const symbol of SYMBOLS[venue] ?? []) {
    const market = journal.flatMap(({ market: one }) =>
      one?.feed === 'trades' && one.symbol === symbol
        ? [{ id: String(one.id), amount: Number(one.amount) }]
        : [],
    );
    const numbers = market.map(({ id }) => Number(id));
    /** The place of the trade that an id is of: OKX tells several fills as one, by the last of them. */
    const placeOf = (id: string): number =>
      venue === 'okx'
        ? numbers.findIndex((one) => one >= Number(id))
        : market.findIndex((one) => one.id === id);
    const rows = feeds.trades.rows().filter((cells) => cells[1] === symbol);
    const ids = rows.map((cells) => cells[4] ?? '');
    expect([symbol, new Set(ids).size]).toEqual([symbol, ids.length]);
    const first = placeOf(ids[0] ?? '');
    expect(first, `${symbol}: its first row is a trade of the market`).toBeGreaterThanOrEqual(0);
    const got = new Map<number, number>();
    for (const cells of rows) {
      const at = placeOf(cells[4] ?? '');
      expect([cells[4], at >= 0]).toEqual([cells[4], true]);
      got.set(at, (got.get(at) ?? 0) + Number(cells[7]));
    }
    const missing = market.flatMap(({ amount }, at) =>
      at < first || Math.abs((got.get(at) ?? 0) - amount) < 1e-9 ? [] : [at],
    );
    const told = closed
      .filter(({ gap, end }) => gap.symbol === symbol && end.repaired !== 'full')
      .map(({ gap, end }) => ({ gap, end, from: placeOf(gap.from.id ?? ''), to: placeOf(end.to.id ?? '') }));
    const unexplained = missing
      .filter((at) => !told.some(({ from, to }) => from < at && at < to))
      .map((at) => market[at]?.id)
      .filter((id) => !(UNCOUNTED.includes(venue) && withheld.includes(id)));
    expect([symbol, unexplained]).toEqual([symbol, []]);
    for (const { gap, end, from, to } of told)
      if (end.missing !== null && venue !== 'okx')
        expect([symbol, gap.reason, missing.filter((at) => from < at && at < to).length]).toEqual([
          ...[symbol, gap.reason, end.missing],
        ]);
  }
}

/** Rows chain by the rule of the data files, but where the ledger has a gap; the newest row is the market's newest. */
function checkBooks({ journal, feeds }: Virtual, venue: string): void {
  const closed = closedOf(feeds.orderbook);
  for (const symbol of SYMBOLS[venue] ?? []) {
    let last: { readonly snapshot: boolean; readonly sequence: number; readonly local: number } | null = null;
    for (const row of feeds.orderbook.rows().filter((cells) => cells[1] === symbol)) {
      const [, , , local, snapshot, sequence] = row;
      const now = { snapshot: snapshot === 'true', sequence: Number(sequence), local: Number(local) };
      const previous = Number(row.at(-2));
      const base = Number(row.at(-1));
      if (last !== null && now.snapshot) {
        const before: { readonly sequence: number; readonly local: number } = last;
        const isTold = closed.some(
          ({ gap, end }) =>
            gap.symbol === symbol &&
            (gap.from.local_ts ?? 0) * 1e6 <= before.local + 1 &&
            (end.to.local_ts ?? 0) * 1e6 >= now.local - 1,
        );
        expect([symbol, before.sequence, now.sequence, isTold || before.sequence === now.sequence]).toEqual([
          ...[symbol, before.sequence, now.sequence, true],
        ]);
      } else if (last !== null) {
        const isNext = last.snapshot ? previous <= base && base <= now.sequence : previous === last.sequence;
        expect([symbol, last.sequence, previous, isNext]).toEqual([symbol, last.sequence, previous, true]);
      }
      last = now;
    }
    expect(feeds.orderbook.status().symbols[symbol]?.state).toBe('synced');
    if (venue === 'bitflyer') continue;
    const newest = journal.findLast(
      (line) => line.feed === 'orderbook' && line.symbol === symbol && line.conn !== 'rest' && !line.withheld,
    );
    expect([symbol, last?.sequence]).toEqual([symbol, newest?.sequence]);
  }
}

async function heal(virtual: Virtual): Promise<void> {
  virtual.sim.clearFaults();
  await virtual.advance(60);
  virtual.sim.pause();
  await virtual.advance(12);
}

const struck = ({ journal }: Virtual): readonly string[] => journal.flatMap(({ fault }) => fault?.kind ?? []);

/** Faults of one symbol's messages, and what no fault of another may do to the second symbol. */
const MESSAGES = ['drop', 'duplicate', 'reorder', 'malformed', 'unknown_field', 'unknown_kind'] as const;

const ANSWERS = [
  { kind: 'status', status: 429, retryAfterSec: 3, forSec: 20 },
  { kind: 'slow', delaySec: 8, forSec: 20 },
  { kind: 'half_open', forSec: 20 },
  { kind: 'lying', status: 500, forSec: 20 },
  { kind: 'malformed_answer', forSec: 20 },
  { kind: 'stale_snapshot' },
] as const;

describe.each(VENUES)('%s', (venue) => {
  const [symbol, other] = SYMBOLS[venue] as readonly [string, string];

  test('one symbol’s messages, by each of their faults in turn', async () => {
    const virtual = virtualVenue(venue, [symbol, other], { feeds: ['orderbook', 'trades'] });
    await virtual.advance(20);
    for (const kind of MESSAGES) {
      const before = virtual.feeds.orderbook.facts('resync').length;
      for (const feed of ['orderbook', 'trades'] as const)
        virtual.sim.addFault({ kind, venue, feed, symbol, count: 3 });
      await virtual.advance(20);
      expect([kind, struck(virtual).filter((one) => one === kind).length]).toEqual([kind, 6]);
      const touched = virtual.feeds.orderbook
        .facts('resync')
        .slice(before)
        .map((fact) => fact.symbol);
      // What a frame held that cannot be read is not known: bitFlyer, which numbers nothing, joins all its books anew.
      const isUnread = venue === 'bitflyer' && (kind === 'malformed' || kind === 'unknown_kind');
      if (!isUnread) expect([kind, touched.filter((one) => one !== symbol)]).toEqual([kind, []]);
      if (kind === 'duplicate' || kind === 'unknown_field') expect([kind, touched]).toEqual([kind, []]);
    }
    await heal(virtual);
    checkTrades(virtual, venue);
    checkBooks(virtual, venue);
    virtual.stop();
  });

  test.each([
    ['delay', { delaySec: 3 }],
    ['stall', { forSec: 100 }],
    ['stall', { forSec: 100, silent: true }],
    ['disconnect', {}],
    ['disconnect', { code: 1001 }],
    ['oversized', {}],
    ['cut', { lifetimeSec: 25, forSec: 60 }],
    ['refuse_connect', { forSec: 20 }],
    ['skew', { skewMs: -900, forSec: 20 }],
    ['market_pause', { forSec: 20 }],
    ['sequence_reset', {}],
    ['notice', { leadSec: 5 }],
  ] as const)('%s %j: of the venue', async (kind, more) => {
    const virtual = virtualVenue(venue, [symbol, other], { feeds: ['orderbook', 'trades'] });
    await virtual.advance(20);
    const armed = virtual.sim.addFault({ kind, venue, ...more });
    if (!armed.ok) return expect(armed.error.message).toMatch(/bitflyer|bybit|notice|sequence|depth|stale/);
    await virtual.advance(100);
    await heal(virtual);
    checkTrades(virtual, venue);
    checkBooks(virtual, venue);
    virtual.stop();
  });

  test('answers by REST to what a lost connection asks for, by each of their faults in turn', async () => {
    const virtual = virtualVenue(venue, [symbol, other], { feeds: ['orderbook', 'trades'] });
    await virtual.advance(20);
    for (const fault of ANSWERS) {
      const armed = virtual.sim.addFault({ ...fault, venue });
      if (!armed.ok) expect([venue, armed.error.message]).toEqual([venue, expect.stringContaining('depth')]);
      virtual.sim.addFault({ kind: 'disconnect', venue, count: 2 });
      await virtual.advance(40);
    }
    await heal(virtual);
    expect(struck(virtual).length).toBeGreaterThan(8);
    checkTrades(virtual, venue);
    checkBooks(virtual, venue);
    virtual.stop();
  });

  test('a random mixture from a seed', async () => {
    const seed = 1;
    const virtual = virtualVenue(venue, [symbol, other], { seed });
    await virtual.advance(20);
    const faults = randomFaults({
      seed,
      mix: 'all',
      perMinute: 6,
      served: virtual.sim.places,
      untilSec: 300,
    });
    for (const fault of faults) virtual.sim.addFault(fault);
    await virtual.advance(300);
    await heal(virtual);
    expect(new Set(struck(virtual)).size).toBeGreaterThan(3);
    checkTrades(virtual, venue);
    checkBooks(virtual, venue);
    virtual.stop();
  });
});

test('a Bybit ticker whose snapshot is lost is asked for again: changes alone make no row', async () => {
  const linear = 'ETH/USDT:USDT';
  const virtual = virtualVenue('bybit', ['BTC/USDT', linear], { feeds: ['ticker'] });
  const rowsOf = () => virtual.feeds.ticker.rows().filter((cells) => cells[1] === linear).length;
  await virtual.advance(20);
  virtual.sim.addFault({ kind: 'disconnect', venue: 'bybit', feed: 'ticker', count: 2 });
  await virtual.advance(0.1);
  virtual.sim.addFault({ kind: 'drop', venue: 'bybit', feed: 'ticker', symbol: linear, count: 1 });
  await virtual.advance(12);
  const before = rowsOf();
  expect(virtual.feeds.ticker.status().ignored['tickers.delta_before_snapshot']).toBeGreaterThan(0);
  await virtual.advance(30);
  expect(rowsOf()).toBeGreaterThan(before);
  expect(virtual.feeds.ticker.facts('resubscribe')).toMatchObject([
    { symbol: linear, reason: 'brings nothing' },
  ]);
  closedOf(virtual.feeds.ticker);
  virtual.stop();
});
