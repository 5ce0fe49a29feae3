import { describe, expect, test } from 'vitest';
import { ok } from '../../src/core/result.ts';
import { binance, bitflyer, bybit, okx } from '../fixtures/frames.ts';
import { bookRows, DEPTH_URL, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

describe('what does not fit the queue', () => {
  /** A few rows, and no credit. */
  const TINY = { queueBytes: 300, batchEvents: 2 };

  const overflown = (id: 'bybit' | 'binance') => {
    const played = playFeed(id, 'orderbook', ['BTC/USDT'], TINY);
    played.source('spot').handlers.onOpen();
    const frame = (body: string) => played.source('spot').handlers.onFrame(body, LOCAL_US);
    return { ...played, frame };
  };

  test('trades: each is counted, the loss is told once, and again only after it had ended', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT'], TINY);
    const { handlers } = played.source('public');
    handlers.onOpen();
    const trades = (from: number, to: number) => {
      for (let id = from; id < to; id++) handlers.onFrame(okx.trade({ tradeId: String(id) }), LOCAL_US);
    };
    trades(0, 10);
    played.clock.advance(1_000);
    const { dropped, queued, events } = played.status();
    expect([dropped + queued, events]).toEqual([10, 10]);
    expect(dropped).toBeGreaterThan(3);
    expect(played.facts('gap')).toMatchObject([{ symbol: 'BTC/USDT', kind: 'overflow' }]);
    played.run.credit(100);
    trades(10, 12);
    played.run.stop();
    expect(played.rows().length + played.status().dropped).toBe(12);
    expect(played.rows().at(-1)).toContain(',11,buy,');
    expect(played.facts('gap')).toHaveLength(1);
  });

  test('a subscribed book: nothing stands after the hole but a snapshot, asked for when there is room', () => {
    const played = overflown('bybit');
    const { clock, frame, run } = played;
    frame(bybit.book('snapshot', 10));
    for (let u = 11; u < 20; u++) frame(bybit.book('delta', u));
    clock.advance(5_000);
    expect(played.facts('gap')).toHaveLength(1);
    expect(played.facts('resync')).toMatchObject([{ reason: 'overflow' }]);
    // Anew while there is no room would be lost too.
    expect(played.facts('resubscribe')).toEqual([]);
    run.credit(100);
    frame(bybit.book('delta', 20));
    clock.advance(1_000);
    expect(played.facts('resubscribe')).toMatchObject([{ symbol: 'BTC/USDT', reason: 'overflow' }]);
    frame(bybit.book('snapshot', 30));
    frame(bybit.book('delta', 31));
    clock.advance(5_000);
    const written = bookRows(played);
    expect(written.slice(0, 2)).toEqual(['S10', '+11']);
    expect(written.slice(-2)).toEqual(['S30', '+31']);
    expect(written.length + played.status().dropped).toBe(played.status().events);
    expect(played.facts('resubscribe')).toHaveLength(1);
  });

  test('room that comes in the very moment of the loss does not let a change follow the hole', () => {
    const played = overflown('bybit');
    played.frame(bybit.book('snapshot', 10));
    for (let u = 11; u < 20; u++) played.frame(bybit.book('delta', u));
    // Before any timer ran.
    played.run.credit(100);
    played.frame(bybit.book('delta', 20));
    played.frame(bybit.book('snapshot', 21));
    played.frame(bybit.book('delta', 22));
    played.run.stop();
    expect(bookRows(played).at(-1)).toBe('+22');
    const hole = bookRows(played).findIndex((row, at) => at > 0 && row.startsWith('S'));
    expect(bookRows(played).slice(hole)).toEqual(['S21', '+22']);
    expect(bookRows(played)).not.toContain('+20');
  });

  test('a snapshot that is lost too is asked for again', () => {
    const played = overflown('bybit');
    for (const body of [bybit.book('snapshot', 10), bybit.book('delta', 11), bybit.book('delta', 12)])
      played.frame(body);
    for (let u = 13; u < 20; u++) played.frame(bybit.book('delta', u));
    played.clock.advance(1_000);
    played.frame(bybit.book('snapshot', 30));
    played.clock.advance(1_000);
    expect(played.status().symbols['BTC/USDT']?.state).toBe('resyncing');
    played.run.credit(100);
    played.clock.advance(1_000);
    expect(played.facts('resubscribe')).toHaveLength(1);
  });

  test('a book that begins by REST: no request while there is no room, one when there is', async () => {
    const played = overflown('binance');
    played.frame(binance.depth(11, 12));
    await played.asks[0]?.answer(ok({ text: binance.depthAnswer(10), localUs: LOCAL_US, url: DEPTH_URL }));
    for (let u = 13; u < 40; u++) {
      played.frame(binance.depth(u, u));
      played.clock.advance(100);
    }
    expect(played.asks).toHaveLength(1);
    played.run.credit(100);
    played.clock.advance(2_000);
    expect(played.asks).toHaveLength(2);
    played.frame(binance.depth(40, 40));
    await played.asks[1]?.answer(ok({ text: binance.depthAnswer(39), localUs: LOCAL_US, url: DEPTH_URL }));
    played.clock.advance(1_000);
    expect(bookRows(played).slice(0, 2)).toEqual(['S10', '+12']);
    expect(bookRows(played).slice(-2)).toEqual(['S39', '+40']);
    expect(played.facts('gap')).toHaveLength(1);
  });

  test('a book whose snapshots are pushed: nothing is asked for, the next one closes the hole', () => {
    const played = playFeed('bitflyer', 'orderbook', ['BTC/JPY'], TINY);
    const { handlers, sent } = played.source('realtime');
    handlers.onOpen();
    played.clock.advance(100);
    const hellos = sent.length;
    const bid = bitflyer.level('5860000.0', '0.1');
    const ask = bitflyer.level('5861000.0', '0.1');
    const say = (body: string) => handlers.onFrame(body, LOCAL_US);
    say(bitflyer.snapshot(bid, ask));
    for (let at = 0; at < 10; at++) say(bitflyer.board(bid, ask));
    played.clock.advance(2_000);
    played.run.credit(100);
    played.clock.advance(3_000);
    // Pushed snapshots are compared with a synced book, and begin one that is not.
    say(bitflyer.board(bid, ask));
    say(bitflyer.snapshot(bid, ask));
    say(bitflyer.board(bid, ask));
    played.clock.advance(20_000);
    const rows = bookRows(played).map((row) => row[0]);
    expect(rows.slice(-2)).toEqual(['S', '+']);
    expect(rows.filter((row) => row === 'S')).toHaveLength(2);
    expect([sent.length, played.facts('resubscribe')]).toEqual([hellos, []]);
  });
});
