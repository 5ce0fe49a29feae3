/**
 * Whatever a venue sends, nothing throws, and each frame is accounted for: rows, known and not recorded, said of the
 * connection, or refused.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDecimal } from '../../src/core/decimal.ts';
import { FEEDS, type Feed, type MarketEvent } from '../../src/core/event.ts';
import { isPlausibleUs } from '../../src/core/time.ts';
import type { Venue } from '../../src/core/venue.ts';
import { encodeEvent, rowPrefix } from '../../src/flow/rows.ts';
import { VENUES } from '../../src/venues/index.ts';
import { binance, bitflyer, bybit, okx, URLS } from '../fixtures/frames.ts';
import { type Bench, bench, LOCAL_US } from '../support/intake.ts';

const level = bitflyer.level('5860000.0', '0.1');

/** Sound frames and the connections on which they come. */
const SOUND: Readonly<
  Record<string, { readonly urls: readonly string[]; readonly frames: readonly string[] }>
> = {
  binance: {
    urls: [URLS.binanceSpot, URLS.binancePublic, URLS.binanceMarket],
    frames: [
      binance.trade(),
      binance.usdmTrade(),
      binance.usdmTrade({ X: 'ADL', p: '0' }),
      binance.aggTrade(),
      binance.bookTicker(),
      binance.bookTicker({ e: 'bookTicker', T: 1795219200100, E: 1795219200100 }),
      binance.ticker(),
      binance.depth(11, 12),
      binance.depth(13, 14, { pu: 12, T: 1795219200199 }),
      binance.ack,
      binance.refusal,
      binance.kline,
      binance.shutdown,
    ],
  },
  bybit: {
    urls: [URLS.bybitSpot, URLS.bybitLinear],
    frames: [
      bybit.trades({}, { i: 'b' }),
      bybit.linearTicker('snapshot', { lastPrice: '1', bid1Price: '1', bid1Size: '' }),
      bybit.linearTicker('delta', { ask1Price: '2' }),
      bybit.spotTicker({}),
      bybit.book('snapshot', 10),
      bybit.book('delta', 11),
      bybit.book('snapshot', 12, {}, 1),
      bybit.ack,
      bybit.refusal,
      bybit.pongSpot,
      bybit.pongLinear,
      bybit.kline,
    ],
  },
  okx: {
    urls: [URLS.okx],
    frames: [
      okx.trade(),
      okx.swapTrade(),
      okx.ticker('BTC-USDT'),
      okx.ticker('BTC-USDT-SWAP'),
      okx.book('snapshot', 10, -1),
      okx.book('update', 11, 10),
      okx.book(null, 12, -1),
      okx.ack,
      okx.refusal,
      okx.notice,
      okx.candle,
      'pong',
    ],
  },
  bitflyer: {
    urls: [URLS.bitflyer],
    frames: [
      bitflyer.executions(bitflyer.execution(1), bitflyer.execution(2, ''), bitflyer.execution(3, 'SELL')),
      bitflyer.ticker,
      bitflyer.snapshot(level, bitflyer.level('5870000.0', '1')),
      bitflyer.board(level, bitflyer.level('0', '3.5')),
      bitflyer.board('', ''),
      bitflyer.ack,
      bitflyer.refusal,
    ],
  },
};

/** Values that have no business where they are put. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null, true, {}, [], [[]], [null], '', ' ', '0', '-1', '1e5', '1e400', 'NaN', 'Infinity', '0x10', '٣', 'a\nb', 'a,"b',
    '\u0000', '__proto__', 'constructor', 0, -0, -1, 1.5, 1e21, 1e308, 2 ** 53, 1795219200123, 1e16,
  ), // biome-ignore format: a list to read across
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer({ min: 10, max: 3_000 }).map((depth) => nested(depth)),
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 70, maxLength: 200 }),
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** A sound frame with one thing wrong, somewhere: a value, a key, or the text itself. */
const altered = (frames: readonly string[]) =>
  fc
    .record({
      text: fc.constantFrom(...frames),
      at: fc.nat({ max: 200 }),
      how: fc.constantFrom('replace', 'drop', 'add', 'rename', 'cut', 'splice', 'keep'),
      value: odd,
    })
    .map(({ text, at, how, value }) => {
      if (how === 'keep') return text;
      if (how === 'cut') return text.slice(0, at);
      if (how === 'splice') return text.slice(0, at) + String(JSON.stringify(value)) + text.slice(at + 3);
      return changed(text, at, how as 'replace' | 'drop' | 'add' | 'rename', value);
    });

function changed(
  text: string,
  at: number,
  how: 'replace' | 'drop' | 'add' | 'rename',
  value: unknown,
): string {
  if (!text.startsWith('{')) return text;
  const root = { root: JSON.parse(text) as unknown };
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = [];
  const walk = (holder: Record<string, unknown>): void => {
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      const inner = holder[key];
      if (typeof inner === 'object' && inner !== null) walk(inner as Record<string, unknown>);
    }
  };
  walk(root);
  const place = places[at % places.length];
  if (place === undefined) return text;
  const { holder, key } = place;
  if (how === 'replace') holder[key] = value;
  if (how === 'add') holder[`${key}_new`] = value;
  if (how === 'rename') holder[`${key}_`] = holder[key];
  if (how === 'drop' || how === 'rename') {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  }
  return JSON.stringify(root.root) ?? '';
}

const arbitrary = fc.oneof(
  fc.string(),
  fc.json(),
  fc.integer({ min: 1, max: 100_000 }).map((depth) => '['.repeat(depth)),
  fc.integer({ min: 1, max: 100_000 }).map((depth) => '{"a":'.repeat(depth)),
  fc.constantFrom('', 'null', '1', '"x"', '[]', '{}', '\u0000', '\ufeff{}'),
);

function anyFrame(venue: Venue): fc.Arbitrary<string> {
  const frames = SOUND[venue.id]?.frames ?? [];
  return fc.oneof({ weight: 5, arbitrary: altered(frames) }, { weight: 1, arbitrary });
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function counted(at: Bench) {
  const { counters } = at.intake;
  return {
    frames: counters.frames,
    events: counters.events,
    duplicates: counters.duplicates,
    ignored: sum(counters.ignored),
    rejects: counters.rejects,
    said: at.said.length,
  };
}

/** Puts one frame in, and holds what was counted against what the frame is. */
function putIn(
  at: Bench,
  venue: Venue,
  url: string,
  text: string,
  localUs: number,
  recordsBooks: boolean,
): void {
  const before = counted(at);
  at.intake.frame(url, text, localUs);
  const now = counted(at);
  const by = (key: keyof typeof now): number => now[key] - before[key];
  const outcome = {
    events: by('events'),
    duplicates: by('duplicates'),
    ignored: by('ignored'),
    rejects: by('rejects'),
    said: by('said'),
  };
  expect(by('frames')).toBe(1);
  const none = { events: 0, duplicates: 0, ignored: 0, rejects: 0, said: 0 };
  switch (venue.read(text).kind) {
    case 'ignored':
      return expect(outcome).toEqual({ ...none, ignored: 1 });
    case 'ack':
    case 'notice':
    case 'refused':
      return expect(outcome).toEqual({ ...none, said: 1 });
    case 'rejected':
      return expect(outcome).toEqual({ ...none, rejects: 1 });
    case 'message':
      expect([outcome.said, outcome.rejects <= 1]).toEqual([0, true]);
      // A change of a book that is not joined yet is neither a row nor refused.
      if (!recordsBooks) expect(sum(outcome)).toBeGreaterThan(0);
  }
}

function isSound(event: MarketEvent, venue: Venue): void {
  expect(isPlausibleUs(event.timestampUs)).toBe(true);
  if (event.type === 'trade') expect([isDecimal(event.price), isDecimal(event.amount)]).toEqual([true, true]);
  const row = encodeEvent(rowPrefix(venue.id, event.symbol), event);
  expect(row.endsWith('\n')).toBe(true);
  expect(/[\r\n\0]/.test(row.slice(0, -1))).toBe(false);
}

describe.each(VENUES.map((venue) => [venue.id, venue] as const))('%s', (id, venue) => {
  const urls = SOUND[id]?.urls ?? [];

  test('there are sound frames to alter, and each of them is taken', () => {
    expect(urls.length).toBeGreaterThan(0);
    for (const text of SOUND[id]?.frames ?? [])
      expect([text, venue.read(text).kind]).not.toContain('rejected');
  });

  test.each<[string, readonly Feed[]]>([
    ['every feed', FEEDS],
    ['trades and ticker', ['trades', 'ticker']],
  ])('whatever comes, nothing throws and each frame is accounted for: %s', (_, feeds) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...urls),
        fc.array(anyFrame(venue), { minLength: 1, maxLength: 12 }),
        (url, frames) => {
          const at = bench(venue, { feeds });
          at.intake.open(url, url);
          for (const [index, text] of frames.entries())
            putIn(at, venue, url, text, LOCAL_US + index * 1_000, feeds.includes('orderbook'));
          for (const event of at.events) isSound(event, venue);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('an answer of REST that is no such answer is a failure, and not thrown', () => {
    const located = venue.locate(venue.defaultSymbols[0] ?? '');
    if (located === null) throw new Error('no default symbol');
    fc.assert(
      fc.property(fc.oneof(arbitrary, altered([binance.depthAnswer(10)]), fc.json()), (text) => {
        const depth = venue.rest.readDepth(text, located, LOCAL_US);
        const instruments = venue.rest.readInstruments(text, located.market);
        for (const read of [depth, instruments]) if (!read.ok) expect(read.error.message).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });
});
