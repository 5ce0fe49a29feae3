/** A running feed whose symbols change: what comes, what goes, and that nothing else notices. */

import { describe, expect, test } from 'vitest';
import { failure, ok } from '../../src/core/result.ts';
import type { Located } from '../../src/core/venue.ts';
import { NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { venueById } from '../../src/venues/index.ts';
import { binanceRest } from '../fixtures/answers.ts';
import { binance } from '../fixtures/frames.ts';
import { bookRows, DEPTH_URL, type PlayedFeed, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const SPOT = 'BTC/USDT';
const LINEAR = 'BTC/USDT:USDT';
const text = (body: string) => ok({ text: body, localUs: LOCAL_US, url: DEPTH_URL });
const located = (...symbols: readonly string[]): readonly Located[] =>
  symbols.flatMap((symbol) => venueById('binance')?.locate(symbol) ?? []);
const listed = (played: PlayedFeed): readonly string[] => {
  played.clock.advance(1_000);
  return Object.keys(played.status().symbols);
};
const ids = (played: PlayedFeed): readonly string[] =>
  played.rows().map((row) => `${row.split(',')[1]} ${row.split(',')[4]}`);

function start(
  feed: 'trades' | 'orderbook',
  symbols: readonly string[],
  more: Parameters<typeof playFeed>[5] = {},
): PlayedFeed {
  const played = playFeed('binance', feed, symbols, {}, null, more);
  played.run.credit(1_000);
  for (const { handlers } of played.sources) handlers.onOpen();
  return played;
}

describe('a symbol that is new', () => {
  test('has a connection of its own where it needs one, and the others keep theirs', () => {
    const played = start('trades', [SPOT]);
    played.run.instruments(located(SPOT, LINEAR), { ...NOTHING_LEFT, seen: { [LINEAR]: ['900001'] } });
    expect(played.sources.map(({ plan, closes }) => [plan.name, closes])).toEqual([
      ['spot', []],
      ['usdm-market', []],
    ]);
    played.source('usdm-market').handlers.onOpen();
    played.source('spot').handlers.onFrame(binance.trade(), LOCAL_US);
    // The first stands in its file already.
    for (const a of [900_001, 900_002])
      played.source('usdm-market').handlers.onFrame(binance.aggTrade({ a }), LOCAL_US);
    expect(listed(played)).toEqual([SPOT, LINEAR]);
    expect(ids(played)).toEqual([`${SPOT} 5000000001`, `${LINEAR} 900002`]);
    expect(played.facts().map(({ type }) => type)).toEqual(['connect', 'connect']);
  });

  test('is polled too, within one interval, where the feed is polled', async () => {
    const played = start('trades', [SPOT], { transport: 'rest' });
    played.clock.advance(1);
    await played.asks[0]?.answer(text('[]'));
    played.run.instruments(located(SPOT, LINEAR), NOTHING_LEFT);
    played.clock.advance(1);
    expect(played.asks.map(({ call }) => call.method)).toEqual(['publicGetTrades', 'fapiPublicGetAggTrades']);
    expect(played.sources).toEqual([]);
  });

  test('whose connection does not open is polled in its place, as at a start', () => {
    const played = start('trades', [SPOT], { fallback: { afterMs: 30_000, backMs: 10_000 } });
    played.run.instruments(located(SPOT, LINEAR), NOTHING_LEFT);
    played.clock.advance(29_999);
    played.source('spot').handlers.onSign();
    expect(played.asks).toEqual([]);
    played.clock.advance(1);
    expect(played.facts('fallback')).toMatchObject([{ on: true, connection: 'usdm-market' }]);
    played.run.instruments(located(SPOT), NOTHING_LEFT);
    played.clock.advance(60_000);
    expect(played.asks.length).toBeLessThanOrEqual(1);
    expect(played.status().fallback).toBe(false);
  });
});

describe('a symbol that is gone', () => {
  test('has its last rows sent before it is told to be; its connection is closed, and no fact tells of a loss', () => {
    const played = start('trades', [SPOT, LINEAR]);
    const linear = played.source('usdm-market');
    linear.handlers.onFrame(binance.aggTrade(), LOCAL_US);
    played.run.instruments(located(SPOT), NOTHING_LEFT);
    played.clock.advance(1_000);
    expect(linear.closes).toEqual(['politely']);
    expect(played.source('spot').closes).toEqual([]);
    const told = played.posts.filter(({ type }) => type === 'batch' || type === 'dropped');
    expect(told).toMatchObject([{ type: 'batch' }, { type: 'dropped', symbols: [LINEAR] }]);
    linear.handlers.onFrame(binance.aggTrade({ a: 900_009 }), LOCAL_US);
    linear.handlers.onClose(failure('ws 1000', 'bye'));
    played.clock.advance(60_000);
    expect(listed(played)).toEqual([SPOT]);
    expect(ids(played)).toEqual([`${LINEAR} 900001`]);
    expect(played.sources).toHaveLength(2);
    const losses = ['reconnect', 'resync', 'gap', 'handover'];
    expect(played.facts().filter(({ type }) => losses.includes(type))).toEqual([]);
  });

  test('and comes back begins with nothing: its book is joined anew, its trades are known by its file', async () => {
    const played = start('orderbook', [SPOT, LINEAR]);
    const { handlers } = played.source('spot');
    handlers.onFrame(binance.depth(11, 12), LOCAL_US);
    await played.asks[0]?.answer(text(binance.depthAnswer(11)));
    played.run.instruments(located(LINEAR), NOTHING_LEFT);
    played.run.instruments(located(LINEAR, SPOT), NOTHING_LEFT);
    const again = played.source('spot').handlers;
    again.onOpen();
    again.onFrame(binance.depth(31, 32), LOCAL_US + 2);
    expect(played.asks).toHaveLength(2);
    await played.asks[1]?.answer(text(binance.depthAnswer(31)));
    expect(listed(played)).toEqual([LINEAR, SPOT]);
    expect(bookRows(played)).toEqual(['S11', '+12', 'S31', '+32']);
    expect(played.facts('resync')).toEqual([]);
  });

  test('leaves no timer behind, heard or not', () => {
    const timersAfter = (symbols: readonly string[], isHeard: boolean): number => {
      const played = start('trades', symbols);
      const { handlers } = played.source('spot');
      handlers.onFrame(binance.trade(), LOCAL_US);
      if (isHeard) played.source('usdm-market').handlers.onFrame(binance.aggTrade(), LOCAL_US);
      played.clock.advance(1_000);
      played.run.instruments(located(SPOT), NOTHING_LEFT);
      played.clock.advance(10_000);
      return played.clock.pending();
    };
    const timers = timersAfter([SPOT], false);
    expect(timersAfter([SPOT, LINEAR], true)).toBe(timers);
    expect(timersAfter([SPOT, LINEAR], false)).toBe(timers);
  });

  test('an answer that comes too late is applied to nothing: a snapshot, a poll', async () => {
    const book = start('orderbook', [SPOT, LINEAR]);
    book.source('spot').handlers.onFrame(binance.depth(11, 12), LOCAL_US);
    book.run.instruments(located(LINEAR), NOTHING_LEFT);
    await book.asks[0]?.answer(text(binance.depthAnswer(11)));
    expect(listed(book)).toEqual([LINEAR]);
    // Nor to the book, should it come back.
    book.run.instruments(located(LINEAR, SPOT), NOTHING_LEFT);
    book.source('spot').handlers.onOpen();
    book.source('spot').handlers.onFrame(binance.depth(12, 13), LOCAL_US);
    expect(book.asks).toHaveLength(2);
    expect(book.rows()).toEqual([]);

    const polled = start('trades', [SPOT, LINEAR], { transport: 'rest' });
    polled.clock.advance(1);
    polled.run.instruments(located(LINEAR), NOTHING_LEFT);
    await polled.asks[0]?.answer(text(binanceRest.trades()));
    polled.clock.advance(10_000);
    expect(polled.rows()).toEqual([]);
    expect(polled.asks.map(({ call }) => call.method).slice(1)).toEqual(['fapiPublicGetAggTrades']);
  });
});

test('polls keep another pace from the next on', async () => {
  const played = start('trades', [SPOT], { transport: 'rest' });
  played.clock.advance(1);
  played.run.poll({ intervalMs: 10_000, jitter: 0, maxIntervalMs: 60_000 });
  await played.asks[0]?.answer(text('[]'));
  played.clock.advance(2_199);
  await played.asks[1]?.answer(text('[]'));
  played.clock.advance(9_999);
  expect(played.asks.map(({ atMs }) => atMs)).toEqual([0, 2_200]);
  played.clock.advance(1);
  expect(played.asks.map(({ atMs }) => atMs)).toEqual([0, 2_200, 12_200]);
});

test('a connection that is closed before its subscriptions were taken leaves no timer', () => {
  const played = start('trades', [SPOT]);
  const other = start('trades', []);
  played.run.instruments([], NOTHING_LEFT);
  played.clock.advance(60_000);
  expect(played.sources[0]?.closes).toEqual(['politely']);
  expect(played.clock.pending()).toBe(other.clock.pending());
});
