import { describe, expect, test } from 'vitest';
import { failure } from '../../src/core/result.ts';
import { bybit, okx } from '../fixtures/frames.ts';
import { playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const gone = failure('ECONNRESET', 'read ECONNRESET');

describe('what a feed says of itself', () => {
  test('a refused frame is handed on, cut to 4,096 characters', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    const long = `${okx.trade({ px: 'x' }).slice(0, -1)},"more":"${'y'.repeat(100_000)}"}`;
    handlers.onFrame(long, LOCAL_US);
    expect(played.posts.filter((post) => post.type === 'reject')).toEqual([
      {
        type: 'reject',
        reason: 'data.0.px: expected a price above zero as text',
        text: long.slice(0, 4_096),
        localUs: LOCAL_US,
      },
    ]);
  });

  test('a flood of refused frames is counted whole, and is not a flood of messages', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    const samples = () => played.posts.filter((post) => post.type === 'reject').length;
    for (let at = 0; at < 10_000; at++) handlers.onFrame('nonsense', LOCAL_US);
    const first = samples();
    expect([first > 0, first < 100]).toEqual([true, true]);
    played.clock.advance(1_000);
    expect(played.status().rejects).toBe(10_000);
    handlers.onFrame('nonsense', LOCAL_US);
    expect(samples()).toBe(first + 1);
  });

  test('so is a flood of errors and announcements: the first 20 a second are told, the others counted', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    const told = () => played.facts().filter(({ type }) => type === 'refused' || type === 'notice').length;
    for (let at = 0; at < 10_000; at++)
      for (const body of [okx.refusal, okx.notice]) handlers.onFrame(body, LOCAL_US);
    expect(told()).toBe(20);
    played.clock.advance(1_000);
    expect(played.status()).toMatchObject({ untold: 19_980, rejects: 0 });
    handlers.onFrame(okx.notice, LOCAL_US);
    expect(told()).toBe(21);
    played.clock.advance(1_000);
    expect(played.status().untold).toBe(19_980);
  });

  test('and one of refusals that name a stream of ours', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    const named = JSON.stringify({
      event: 'error',
      code: '60018',
      msg: 'no',
      arg: { channel: 'trades', instId: 'BTC-USDT' },
    });
    for (let at = 0; at < 1_000; at++) handlers.onFrame(named, LOCAL_US);
    expect(played.facts('refused')).toHaveLength(20);
    expect(played.facts('refused')[0]).toMatchObject({ symbol: 'BTC/USDT' });
    played.clock.advance(1_000);
    expect(played.status().untold).toBe(980);
  });

  test('the kept books that changed, once a tick; one that was lost too, without a change of its own', () => {
    const played = playFeed('bybit', 'orderbook', ['BTC/USDT']);
    played.run.credit(100);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    for (const body of [bybit.book('snapshot', 10), bybit.book('delta', 11)])
      handlers.onFrame(body, LOCAL_US);
    const sent = () =>
      played.posts
        .flatMap((post) => (post.type === 'books' ? post.books : []))
        .map(([symbol, json]) => {
          const { state, bids } = JSON.parse(json) as { state: string; bids: unknown[] };
          return [symbol, state, bids.length];
        });
    played.clock.advance(3_000);
    expect(sent()).toEqual([['BTC/USDT', 'synced', 1]]);
    handlers.onClose(gone);
    played.clock.advance(3_000);
    expect(sent().slice(1)).toEqual([['BTC/USDT', 'resyncing', 1]]);
  });

  test('its numbers, its connections and its symbols', () => {
    const played = playFeed('bybit', 'trades', ['BTC/USDT', 'BTC/USDT:USDT', 'ETH/USDT']);
    const statusAfter = (ms: number) => {
      played.clock.advance(ms);
      return played.status();
    };
    expect(statusAfter(1_000)).toMatchObject({ state: 'waiting', frames: 0, queued: 0, lastError: null });
    const spot = played.source('spot').handlers;
    spot.onOpen();
    expect(statusAfter(1_000).state).toBe('connecting');
    played.source('linear').handlers.onOpen();
    for (const body of [bybit.trades({}), bybit.trades({}), bybit.kline, bybit.ack, 'nonsense'])
      spot.onFrame(body, LOCAL_US);
    spot.onFrame(bybit.trades({ i: 'z', T: LOCAL_US / 1000 + 2_000 }), LOCAL_US + 5);
    spot.onFrame(bybit.refusal, LOCAL_US);
    expect(statusAfter(1_000)).toEqual({
      state: 'collecting',
      fallback: false,
      frames: 7,
      events: 2,
      rejects: 1,
      untold: 0,
      duplicates: 1,
      ahead: 1,
      stale: 0,
      ignored: { kline: 1 },
      reconnects: 0,
      resyncs: 0,
      dropped: 0,
      // Of the frame that was refused it is not known what it held.
      gapsOpen: 1,
      queued: 2,
      lastError: 'refused: error:handler not found,topic:nonsense',
      capture: null,
      symbols: {
        'BTC/USDT': {
          state: 'collecting',
          lastLocalUs: LOCAL_US + 5,
          events: 2,
          resyncs: 0,
          dropped: 0,
          backfilled: 0,
          missing: 0,
        },
        'BTC/USDT:USDT': {
          state: 'waiting',
          lastLocalUs: 0,
          events: 0,
          resyncs: 0,
          dropped: 0,
          backfilled: 0,
          missing: 0,
        },
        'ETH/USDT': {
          state: 'waiting',
          lastLocalUs: 0,
          events: 0,
          resyncs: 0,
          dropped: 0,
          backfilled: 0,
          missing: 0,
        },
      },
    });
    spot.onClose(gone);
    expect(statusAfter(1_000)).toMatchObject({
      state: 'connecting',
      lastError: 'spot: ECONNRESET read ECONNRESET',
    });
  });

  test('the stop sends what waits, without credit, and says how it was; nothing comes after', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    const { handlers, closes } = played.source('public');
    handlers.onOpen();
    handlers.onFrame(okx.trade(), LOCAL_US);
    played.clock.advance(1_000);
    expect(played.rows()).toEqual([]);
    played.run.stop();
    expect([played.rows().length, closes, played.status().state]).toEqual([1, ['politely'], 'collecting']);
    const posts = played.posts.length;
    handlers.onFrame(okx.trade({ tradeId: '9' }), LOCAL_US);
    handlers.onClose(gone);
    played.clock.advance(600_000);
    expect([played.posts.length, played.clock.pending()]).toEqual([posts, 0]);
  });
});
