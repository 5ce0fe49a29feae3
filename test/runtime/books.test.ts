/** Books that are wrong without a broken sequence, and books that break all at once. */

import { describe, expect, test } from 'vitest';
import { createBookSync } from '../../src/core/book-sync.ts';
import type { Level } from '../../src/core/event.ts';
import { ok } from '../../src/core/result.ts';
import { bookJson } from '../../src/runtime/kept-books.ts';
import { bitflyer, bybit, okx } from '../fixtures/frames.ts';
import { bookRows, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const BTC = 'BTC/USDT';
const sides = (bid: string, ask: string) => ({
  data: { s: 'BTCUSDT', b: [[bid, '1']], a: [[ask, '1']], seq: 1 },
});
const book = (type: 'snapshot' | 'delta', u: number, bid: string, ask: string): string => {
  const more = sides(bid, ask);
  return bybit.book(type, u, { data: { ...more.data, u } });
};

describe('a crossed book', () => {
  test('is found when its group of messages is whole, and joined anew', () => {
    const played = playFeed('bybit', 'orderbook', [BTC]);
    played.run.credit(100);
    const { handlers, sent } = played.source('spot');
    handlers.onOpen();
    handlers.onFrame(book('snapshot', 10, '100', '101'), LOCAL_US);
    const before = sent.length;
    // Crossed within a group, and put right by its end.
    handlers.onFrame(book('delta', 11, '102', '103'), LOCAL_US + 1);
    handlers.onFrame(
      bybit.book('delta', 12, { data: { s: 'BTCUSDT', b: [['102', '0']], a: [], u: 12, seq: 1 } }),
      LOCAL_US + 1,
    );
    handlers.onFrame(book('delta', 13, '100', '103'), LOCAL_US + 2);
    expect(played.facts('resync')).toEqual([]);
    handlers.onFrame(book('delta', 14, '101.5', '104'), LOCAL_US + 3);
    expect(played.facts('resync')).toEqual([]);
    handlers.onFrame(book('delta', 15, '99', '104'), LOCAL_US + 4);
    expect(played.facts('resync')).toMatchObject([{ symbol: BTC, reason: 'crossed' }]);
    expect(played.gaps()).toMatchObject([{ state: 'open', gap: { kind: 'drift', from: { seq: 14 } } }]);
    played.clock.advance(1_000);
    expect(sent.length).toBeGreaterThan(before);
    handlers.onFrame(book('snapshot', 20, '100', '101'), LOCAL_US + 5);
    played.clock.advance(50);
    expect(bookRows(played)).toEqual(['S10', '+11', '+12', '+13', '+14', 'S20']);
  });

  test('that the venue itself has crossed, as in an auction, is not joined again and again', () => {
    const played = playFeed('bybit', 'orderbook', [BTC]);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    handlers.onFrame(book('snapshot', 10, '102', '101'), LOCAL_US);
    handlers.onFrame(book('delta', 11, '103', '104'), LOCAL_US + 1);
    handlers.onFrame(book('delta', 12, '104', '105'), LOCAL_US + 2);
    expect(played.facts('resync')).toEqual([]);
  });

  test.each([
    ['in an auction of the venue it is left so, once it is joined', '105.0', 1],
    ['else it is joined anew by the next pushed snapshot', '99.0', 1],
  ])('bitFlyer: %s', (_, bid, resyncs) => {
    const played = playFeed('bitflyer', 'orderbook', ['BTC/JPY']);
    played.run.credit(100);
    const { handlers } = played.source('realtime');
    handlers.onOpen();
    const { level, board, snapshot } = bitflyer;
    let sec = 0;
    const say = (text: string): void => handlers.onFrame(text, LOCAL_US + sec++ * 1_000_000);
    say(snapshot(level('99.0', '1.0'), level('100.0', '1.0')));
    say(board(level('105.0', '1.0'), ''));
    for (let at = 0; at < 30; at++)
      say(at % 5 === 0 ? snapshot(level(bid, '1.0'), level('100.0', '1.0')) : board(level(bid, '1.0'), ''));
    expect(played.facts('resync')).toHaveLength(resyncs);
    played.clock.advance(1_000);
    expect(played.status().symbols['BTC/JPY']?.state).toBe('synced');
  });
});

test('books that break together are asked for a few at a time, the busiest first', async () => {
  const names = Array.from({ length: 60 }, (_, at) => `S${at}`);
  const played = playFeed(
    'binance',
    'orderbook',
    names.map((name) => `${name}/USDT`),
  );
  played.run.credit(1_000);
  const { handlers } = played.source('spot');
  handlers.onOpen();
  const delta = (name: string, u: number) =>
    JSON.stringify({
      stream: `${name.toLowerCase()}usdt@depth@100ms`,
      data: { e: 'depthUpdate', E: 1795219200000, s: `${name}USDT`, U: u, u, b: [['1', '1']], a: [] },
    });
  // The first ones ask at once; the others by how much came of them while they waited.
  for (const [at, name] of names.entries())
    for (let u = 1; u <= 1 + at; u++) handlers.onFrame(delta(name, u), LOCAL_US);
  const symbolOf = (at: number): string => String(played.asks[at]?.call.params.symbol);
  expect(played.asks).toHaveLength(4);
  for (let at = 0; at < names.length; at++) {
    await played.asks[at]?.answer(
      ok({ text: '{"lastUpdateId":0,"bids":[["1","1"]],"asks":[]}', localUs: LOCAL_US, url: 'u' }),
    );
    expect(played.asks).toHaveLength(Math.min(names.length, 5 + at));
  }
  const order = played.asks.map((_, at) => symbolOf(at));
  const busiest = [...names].reverse().map((name) => `${name}USDT`);
  expect(order.slice(4)).toEqual(busiest.filter((id) => !order.slice(0, 4).includes(id)));
  expect(played.asks.every(({ priority }) => priority === 'resync')).toBe(true);
});

test('those that are joined by subscribing anew are asked for together, not one by one', () => {
  const names = Array.from({ length: 30 }, (_, at) => `S${at}`);
  const played = playFeed(
    'okx',
    'orderbook',
    names.map((name) => `${name}/USDT`),
  );
  played.run.credit(1_000);
  const { handlers, sent } = played.source('public');
  handlers.onOpen();
  const book = (name: string, action: 'snapshot' | 'update', seqId: number, prevSeqId: number) =>
    handlers.onFrame(okx.book(action, seqId, prevSeqId).replaceAll('BTC-USDT', `${name}-USDT`), LOCAL_US);
  for (const name of names) book(name, 'snapshot', 10, -1);
  played.clock.advance(2_000);
  const before = sent.length;
  for (const name of names) book(name, 'update', 15, 13);
  expect(played.facts('resync')).toHaveLength(30);
  played.clock.advance(3_000);
  const asked = sent.slice(before).map((text) => JSON.parse(text) as { op: string; args: unknown[] });
  expect(asked.map(({ op, args }) => [op, args.length])).toEqual([
    ['unsubscribe', 30],
    ['subscribe', 30],
  ]);
  for (const name of names) book(name, 'snapshot', 20, -1);
  played.clock.advance(1_000);
  expect(Object.values(played.status().symbols).every(({ state }) => state === 'synced')).toBe(true);
});

test('the kept book of a venue whose levels hold more is told as prices and amounts', () => {
  const sync = createBookSync(
    { snapshot: 'subscribe', join: () => 'joins' },
    {
      applied: () => undefined,
      needSnapshot: () => undefined,
      lost: () => undefined,
      drift: () => undefined,
    },
  );
  const level = ['60000.1', '2', '0', '7'] as unknown as Level;
  sync.on({
    ...{ type: 'book', market: 'spot', symbol: 'BTC/USDT', timestampUs: LOCAL_US, localUs: LOCAL_US },
    ...{ snapshot: true, sequence: 1, prevSequence: null, bids: [level], asks: [] },
  });
  expect(JSON.parse(bookJson(sync, LOCAL_US))).toMatchObject({ bids: [['60000.1', '2']], asks: [] });
});
