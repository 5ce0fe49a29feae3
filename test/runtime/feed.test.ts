import { describe, expect, test } from 'vitest';
import { err, failure, ok } from '../../src/core/result.ts';
import type { RestText } from '../../src/runtime/protocol.ts';
import { binance, bybit, okx } from '../fixtures/frames.ts';
import { bookRows, DEPTH_URL, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const gone = failure('ECONNRESET', 'read ECONNRESET');
const text = (body: string): ReturnType<typeof ok<RestText>> =>
  ok({ text: body, localUs: LOCAL_US, url: DEPTH_URL });

const subscribes = (sent: readonly string[]): readonly string[] =>
  sent
    .filter((one) => /"op":"(un)?subscribe"/.test(one))
    .map((one) => (JSON.parse(one) as { op: string }).op);

describe('a book that begins with a REST snapshot', () => {
  const start = () => {
    const played = playFeed('binance', 'orderbook', ['BTC/USDT']);
    played.run.credit(100);
    played.source('spot').handlers.onOpen();
    const frame = (body: string) => played.source('spot').handlers.onFrame(body, LOCAL_US);
    return { ...played, frame };
  };

  test('is asked for once, at the first change, and joined to those that waited', async () => {
    const played = start();
    expect(played.asks).toEqual([]);
    played.frame(binance.depth(11, 12));
    played.frame(binance.depth(13, 14));
    played.frame(binance.depth(15, 15));
    expect(played.asks.map((one) => one.call.params)).toEqual([{ symbol: 'BTCUSDT', limit: 500 }]);
    await played.asks[0]?.answer(text(binance.depthAnswer(13)));
    played.frame(binance.depth(16, 17));
    played.clock.advance(1_000);
    expect(bookRows(played)).toEqual(['S13', '+14', '+15', '+17']);
    expect(played.asks).toHaveLength(1);
    expect(played.status().symbols['BTC/USDT']).toMatchObject({ state: 'synced', events: 4, resyncs: 0 });
  });

  test('an answer older than the stream is asked for again at once, one request at a time', async () => {
    const played = start();
    played.frame(binance.depth(11, 12));
    await played.asks[0]?.answer(text(binance.depthAnswer(5)));
    expect(played.asks).toHaveLength(2);
    played.frame(binance.depth(13, 14));
    await played.asks[1]?.answer(text(binance.depthAnswer(12)));
    played.clock.advance(1_000);
    expect(bookRows(played)).toEqual(['S12', '+14']);
    expect(played.asks).toHaveLength(2);
  });

  test.each([
    ['failed', err(failure('503', 'busy')), '503'],
    ['of a wrong shape', text('{"code":-1,"msg":"x"}'), 'wrong_shape'],
  ])('an answer that %s is told, and asked for again after 10 s', async (_, answer, code) => {
    const played = start();
    played.frame(binance.depth(11, 12));
    await played.asks[0]?.answer(answer);
    expect(played.facts('snapshot_failed')).toMatchObject([{ symbol: 'BTC/USDT', code }]);
    played.clock.advance(9_000);
    expect(played.asks).toHaveLength(1);
    played.clock.advance(2_000);
    expect(played.asks).toHaveLength(2);
    expect(played.status().lastError).toContain(`snapshot of BTC/USDT: ${code}`);
    // Not more while that one waits for its permit, however long.
    const snapshots = () => played.asks.filter(({ priority }) => priority === 'resync');
    played.clock.advance(300_000);
    expect(snapshots()).toHaveLength(2);
    await snapshots()[1]?.answer(text(binance.depthAnswer(12)));
    played.frame(binance.depth(13, 14));
    played.clock.advance(60_000);
    expect([bookRows(played), snapshots().length]).toEqual([['S12', '+14'], 2]);
  });

  test('a disconnect while it is asked for: the answer is judged by the new connection', async () => {
    const played = start();
    played.frame(binance.depth(11, 12));
    played.source('spot').handlers.onClose(gone);
    played.clock.advance(1_000);
    played.source('spot').handlers.onOpen();
    played.frame(binance.depth(30, 31));
    expect(played.asks).toHaveLength(1);
    await played.asks[0]?.answer(text(binance.depthAnswer(12)));
    expect(played.asks).toHaveLength(2);
    await played.asks[1]?.answer(text(binance.depthAnswer(30)));
    played.clock.advance(1_000);
    expect(bookRows(played)).toEqual(['S30', '+31']);
  });

  test('200 symbols that break at once ask 200 times, and not more, however long the answers take', async () => {
    const names = Array.from({ length: 200 }, (_, at) => `A${at}`);
    const played = playFeed(
      'binance',
      'orderbook',
      names.map((name) => `${name}/USDT`),
    );
    played.run.credit(10_000);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    const delta = (name: string, from: number, to: number) =>
      handlers.onFrame(binance.depth(from, to, { s: `${name}USDT` }), LOCAL_US);
    for (const name of names) delta(name, 10, 11);
    // An answer lets the next question out.
    for (let at = 0; at < played.asks.length; at++)
      await played.asks[at]?.answer(text(binance.depthAnswer(10)));
    expect(played.asks).toHaveLength(200);
    // The break, and then the stream goes on for five minutes without an answer.
    for (let at = 0; at < 30; at++) {
      for (const name of names) delta(name, 20 + at, 20 + at);
      played.clock.advance(10_000);
      handlers.onSign();
    }
    expect(played.facts('resync')).toHaveLength(200);
    expect(played.asks).toHaveLength(204);
    for (let at = 200; at < played.asks.length; at++)
      await played.asks[at]?.answer(text(binance.depthAnswer(45)));
    expect(played.asks).toHaveLength(400);
    played.clock.advance(20_000);
    expect(played.asks).toHaveLength(400);
    expect(Object.values(played.status().symbols).every((one) => one.state === 'synced')).toBe(true);
  });
});

describe.each([
  {
    id: 'bybit',
    name: 'spot',
    snapshot: (at: number) => bybit.book('snapshot', at),
    delta: (at: number) => bybit.book('delta', at),
  },
  {
    id: 'okx',
    name: 'public',
    snapshot: (at: number) => okx.book('snapshot', at, -1),
    delta: (at: number) => okx.book('update', at, at - 1),
  },
])('a book that begins with a subscription: $id', ({ id, name, snapshot, delta }) => {
  const start = () => {
    const played = playFeed(id, 'orderbook', ['BTC/USDT']);
    played.run.credit(100);
    played.source(name).handlers.onOpen();
    const frame = (body: string) => played.source(name).handlers.onFrame(body, LOCAL_US);
    /** Time goes on over a living connection. */
    const pass = (sec: number) => {
      for (let s = 0; s < sec; s++) {
        played.clock.advance(1_000);
        played.source(name).handlers.onSign();
      }
    };
    return { ...played, frame, pass };
  };

  test('a break subscribes anew, once; the rows after it begin with a snapshot', () => {
    const played = start();
    for (const body of [snapshot(10), delta(11), delta(13), delta(14), delta(15)]) played.frame(body);
    played.pass(3);
    expect(subscribes(played.source(name).sent)).toEqual(['subscribe', 'unsubscribe', 'subscribe']);
    played.frame(delta(16));
    played.frame(snapshot(20));
    played.frame(delta(21));
    played.pass(30);
    expect(bookRows(played)).toEqual(['S10', '+11', 'S20', '+21']);
    expect(played.facts('resubscribe')).toMatchObject([{ symbol: 'BTC/USDT' }]);
    expect(played.facts('resync')).toHaveLength(1);
    expect(subscribes(played.source(name).sent)).toHaveLength(3);
  });

  test('again after 10 s without a snapshot, and then ever less often', () => {
    const played = start();
    played.frame(snapshot(10));
    played.frame(delta(12));
    const asked = () => played.facts('resubscribe').length;
    played.pass(9);
    expect(asked()).toBe(1);
    played.pass(2);
    expect(asked()).toBe(2);
    played.pass(15);
    expect(asked()).toBe(2);
    // Neither acknowledged nor answered: an error with its name.
    expect(played.facts('silent')).toMatchObject([{ symbol: 'BTC/USDT', reason: 'not acknowledged' }]);
    expect(played.status().symbols['BTC/USDT']?.error).toContain('not acknowledged');
    played.pass(50);
    expect(asked()).toBe(2);
    played.pass(10);
    expect(asked()).toBe(3);
    played.pass(3_600);
    // OKX: 480 subscribe and unsubscribe requests an hour on one connection, of up to 100 books.
    expect(asked()).toBeLessThan(20);
    played.frame(snapshot(20));
    played.pass(1_000);
    const before = asked();
    played.frame(delta(22));
    expect(asked()).toBe(before + 1);
    played.pass(11);
    expect(asked()).toBe(before + 2);
  });

  test('a subscription that brings nothing from the start is asked for again', () => {
    const played = start();
    played.pass(9);
    expect(played.facts('resubscribe')).toEqual([]);
    played.pass(2);
    expect(played.facts('resubscribe')).toMatchObject([{ reason: 'no snapshot came' }]);
  });

  test('however often the connection was lost before, 10 s are waited for its first snapshot', () => {
    const played = start();
    for (let times = 0; times < 5; times++) {
      played.pass(1);
      played.source(name).handlers.onClose(gone);
      played.clock.advance(30_000);
      played.source(name).handlers.onOpen();
    }
    expect(played.facts('resubscribe')).toEqual([]);
    played.pass(11);
    expect(played.facts('resubscribe')).toHaveLength(1);
  });

  test('a disconnect loses the book; the new connection subscribes by its hellos alone', () => {
    const played = start();
    played.frame(snapshot(10));
    played.source(name).handlers.onClose(gone);
    expect(played.facts('resync')).toMatchObject([{ symbol: 'BTC/USDT', reason: 'disconnect' }]);
    played.clock.advance(60_000);
    const opened = played.source(name);
    opened.handlers.onOpen();
    played.pass(2);
    played.frame(delta(11));
    played.frame(snapshot(30));
    played.frame(delta(31));
    played.pass(20);
    expect(bookRows(played)).toEqual(['S10', 'S30', '+31']);
    expect(subscribes(opened.sent)).toEqual(['subscribe']);
    expect(played.facts('resubscribe')).toEqual([]);
    expect(played.facts('reconnect')).toMatchObject([{ connection: name, code: 'ECONNRESET' }]);
    expect(played.status()).toMatchObject({ reconnects: 1, resyncs: 1, state: 'collecting' });
  });
});

test('a pause of the venue closes every connection, and each stays closed until it is over', () => {
  const played = playFeed('bybit', 'trades', ['BTC/USDT', 'BTC/USDT:USDT']);
  for (const source of played.sources) source.handlers.onOpen();
  played.run.pause(600_000);
  expect(played.sources.map((source) => source.closes)).toEqual([['politely'], ['politely']]);
  for (const source of [...played.sources]) source.handlers.onClose(gone);
  expect(played.facts('reconnect')).toMatchObject([{ code: 'paused' }, { code: 'paused' }]);
  played.clock.advance(600_000);
  expect([played.sources.length, played.status().state]).toEqual([2, 'waiting']);
  played.clock.advance(1_000);
  expect(played.sources).toHaveLength(4);
});
