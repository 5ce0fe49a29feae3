/** Feeds that are polled: when they ask, and what becomes of the answers. */

import { describe, expect, test } from 'vitest';
import type { Feed } from '../../src/core/event.ts';
import { err, failure, ok } from '../../src/core/result.ts';
import { NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { binanceRest, bitflyerRest, okxRest } from '../fixtures/answers.ts';
import { binance, okx } from '../fixtures/frames.ts';
import { bookRows, type PlayedFeed, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const URL = 'https://api.binance.com/api/v3/trades?symbol=BTCUSDT&limit=1000';
const text = (body: string) => ok({ text: body, localUs: LOCAL_US, url: URL });

type Seen = Readonly<Record<string, readonly string[]>>;
const lastOf = (seen: Seen) =>
  Object.fromEntries(Object.entries(seen).map(([symbol, ids]) => [symbol, { id: ids.at(-1) ?? '' }]));

function polled(venue: string, feed: Feed, symbols: readonly string[], seen: Seen = {}): PlayedFeed {
  const played = playFeed(venue, feed, symbols, {}, null, {
    transport: 'rest',
    left: { ...NOTHING_LEFT, seen, last: lastOf(seen) },
  });
  played.run.credit(1_000);
  return played;
}

const ids = (played: PlayedFeed): readonly (string | undefined)[] =>
  played.rows().map((row) => row.split(',')[4]);
const times = (played: PlayedFeed): readonly number[] => played.asks.map(({ atMs }) => atMs);

/** Moves on in small steps, each question answered at once. */
async function run(played: PlayedFeed, ms: number, body: string): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    played.clock.advance(50);
    const open = played.asks.filter((ask) => !answered.has(ask));
    for (const ask of open) {
      answered.add(ask);
      await ask.answer(text(body));
    }
  }
}
const answered = new WeakSet<object>();

describe('when a symbol is asked for', () => {
  test('every interval with jitter that adds (here all of it), as a poll, without a socket', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 7_000, binanceRest.trades());
    expect(times(played)).toEqual([0, 2_200, 4_400, 6_600]);
    expect(played.asks.map(({ priority }) => priority)).toEqual(['poll', 'poll', 'poll', 'poll']);
    expect(played.sources).toEqual([]);
  });

  test('the stretch of the governor holds from the next poll on, up to the longest interval', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 1_000, '[]');
    played.stretch = 4;
    await run(played, 12_000, '[]');
    expect(times(played)).toEqual([0, 2_200, 2_200 + 8_800]);
    played.stretch = 1_000;
    await run(played, 100_000, '[]');
    // 60 s is the longest, and jitter comes on top of it.
    expect(times(played).slice(3)).toEqual([19_800, 85_800]);
  });

  test('one question of a symbol is under way at a time; what comes late is not made up for', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT', 'ETH/USDT']);
    played.clock.advance(10_000);
    expect(times(played)).toEqual([0, 1_000]);
    await played.asks[0]?.answer(text('[]'));
    played.clock.advance(0);
    expect(times(played)).toEqual([0, 1_000, 10_000]);
    await played.asks[2]?.answer(text('[]'));
    played.clock.advance(2_199);
    expect(times(played)).toHaveLength(3);
    played.clock.advance(1);
    expect(times(played).at(-1)).toBe(12_200);
  });

  test('symbols are spread over one interval', () => {
    const played = polled('okx', 'ticker', ['A/USDT', 'B/USDT', 'C/USDT', 'D/USDT']);
    played.clock.advance(2_000);
    expect(played.asks.map(({ atMs, call }) => [atMs, call.params.instId])).toEqual([
      [0, 'A-USDT'],
      [500, 'B-USDT'],
      [1_000, 'C-USDT'],
      [1_500, 'D-USDT'],
    ]);
  });

  test('two answers make one poll: the second question follows the first answer', async () => {
    const played = polled('binance', 'ticker', ['BTC/USDT:USDT']);
    played.clock.advance(0);
    await played.asks[0]?.answer(text(binanceRest.usdmBook));
    await played.asks[1]?.answer(text(binanceRest.usdmDay));
    played.clock.advance(1_000);
    const cells = played.rows().map((row) => row.split(',').slice(4).join());
    expect(cells).toEqual([
      '0.100,63704.20,63704.10,3.250,,,',
      '0.100,63704.20,63704.10,3.250,63704.10,150000.123,9555615000.00',
    ]);
    expect(played.asks).toHaveLength(2);
  });

  test('nothing is asked after the stop', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 100, '[]');
    await played.run.stop();
    played.clock.advance(60_000);
    expect(played.asks).toHaveLength(1);
    expect(played.clock.pending()).toBe(0);
  });
});

describe('what an answer is', () => {
  test('trades are rows once, oldest first; those that are polled again count as nothing', async () => {
    const played = polled('okx', 'trades', ['BTC/USDT']);
    await run(played, 2_000, okxRest.trades(12, 11, 10));
    await run(played, 2_000, okxRest.trades(13, 12, 11));
    await run(played, 1_000, okxRest.trades(13, 12, 11));
    expect(ids(played)).toEqual(['10', '11', '12', '13']);
    expect(played.status()).toMatchObject({ state: 'collecting', duplicates: 0, rejects: 0 });
    expect(played.facts()).toEqual([]);
  });

  test('what the file holds is no row again', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT'], { 'BTC/USDT': ['6', '7'] });
    await run(played, 1_000, binanceRest.trades(6, 7, 8));
    expect([ids(played), played.facts('gap')]).toEqual([['8'], []]);
  });

  test('a page that does not reach the last id is a gap, with both its ends', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 2_200, binanceRest.trades(5, 6));
    await run(played, 2_200, binanceRest.trades(9, 10));
    await run(played, 3_500, binanceRest.trades(9, 10));
    expect(ids(played)).toEqual(['5', '6', '9', '10']);
    expect(played.gaps().filter((change) => !('to' in change))).toMatchObject([
      { state: 'open', gap: { kind: 'sequence', symbol: 'BTC/USDT', from: { id: '6', ts: 1795219200.128 } } },
      { state: 'closed', end: { to: { id: '9', ts: 1795219200.131 }, repaired: 'none', missing: 2 } },
    ]);
  });

  test('ids that count up by one leave none out, though no trade is told twice', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 2_200, binanceRest.trades(5, 6));
    await run(played, 3_300, binanceRest.trades(7, 8));
    expect([ids(played), played.facts('gap')]).toEqual([['5', '6', '7', '8'], []]);
  });

  test('since the last row of the file', async () => {
    const played = polled('bitflyer', 'trades', ['BTC/JPY'], { 'BTC/JPY': ['90', '95'] });
    await run(played, 4_000, bitflyerRest.executions(104, 101));
    expect(played.gaps()[0]).toMatchObject({ gap: { kind: 'downtime', from: { id: '95' } } });
    expect(played.asks.find(({ priority }) => priority === 'backfill')).toMatchObject({
      call: { params: { before: '101' } },
    });
  });

  test('a book is a snapshot row, with the sequence of the answer', async () => {
    const played = polled('okx', 'orderbook', ['BTC/USDT']);
    await run(played, 3_000, okxRest.book);
    expect(bookRows(played)).toEqual(['S3235851742', 'S3235851742']);
    expect(played.rows()[0]?.split(',').slice(-1)).toEqual(['3235851742']);
    expect(played.status().symbols['BTC/USDT']).toMatchObject({ state: 'polled', events: 2 });
  });

  test('of a venue that numbers nothing, by our count', async () => {
    const played = polled('bitflyer', 'orderbook', ['BTC/JPY']);
    await run(played, 5_000, bitflyerRest.board);
    expect(bookRows(played)).toEqual(['S1', 'S2', 'S3']);
  });

  test('one that is refused is counted, kept as a sample, and told once; the next is asked for in time', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    await run(played, 5_000, '{"msg":"maintenance"}');
    expect(times(played)).toEqual([0, 2_200, 4_400]);
    expect(played.status()).toMatchObject({ state: 'waiting', rejects: 3 });
    expect(played.facts('poll_failed')).toHaveLength(1);
    expect(played.posts.filter(({ type }) => type === 'reject')).toHaveLength(3);
    await run(played, 2_000, binanceRest.trades(1));
    expect(played.status().state).toBe('collecting');
  });

  test('none at all: told, and asked again', async () => {
    const played = polled('binance', 'trades', ['BTC/USDT']);
    played.clock.advance(0);
    await played.asks[0]?.answer(err(failure('ECONNREFUSED', 'connect ECONNREFUSED')));
    played.clock.advance(2_200);
    expect(played.asks).toHaveLength(2);
    expect(played.facts('poll_failed')).toMatchObject([{ symbol: 'BTC/USDT', code: 'ECONNREFUSED' }]);
    expect(played.status()).toMatchObject({
      state: 'waiting',
      lastError: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a WebSocket that stays down', () => {
  const fallback = { afterMs: 30_000, backMs: 10_000 };
  const gone = failure('ECONNREFUSED', 'refused');

  function start(feed: Feed) {
    const played = playFeed('binance', feed, ['BTC/USDT'], {}, null, { fallback });
    played.run.credit(1_000);
    return played;
  }

  /** As a server that is not there: every attempt fails at once. */
  async function down(played: PlayedFeed, ms: number, body: string): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      const source = played.source('spot');
      if (!closed.has(source)) {
        closed.add(source);
        source.handlers.onClose(gone);
      }
      await run(played, 1_000, body);
    }
  }
  const closed = new WeakSet<object>();
  /** It is open, and lives. */
  async function up(played: PlayedFeed, ms: number, body: string): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      played.source('spot').handlers.onSign();
      await run(played, 1_000, body);
    }
  }

  test('is polled in place of, until it has been up for a while, and once more; no trade twice', async () => {
    const played = start('trades');
    played.source('spot').handlers.onOpen();
    played.source('spot').handlers.onFrame(binance.trade({ t: 1 }), LOCAL_US);
    await up(played, 5_000, '[]');
    await down(played, 29_000, '[]');
    expect([played.asks, played.facts('fallback')]).toEqual([[], []]);
    await down(played, 1_000, binanceRest.trades(1, 2, 3));
    expect(played.facts('fallback')).toEqual([
      {
        type: 'fallback',
        scope: 'binance.trades',
        on: true,
        connection: 'spot',
        symbols: 1,
        reason: 'down for 30 s (ECONNREFUSED refused)',
      },
    ]);
    await down(played, 9_000, binanceRest.trades(2, 3, 4));
    expect(played.status()).toMatchObject({ fallback: true, state: 'connecting' });
    const asks = played.asks.length;
    expect(asks).toBeGreaterThanOrEqual(4);
    // The backoff has opened another by now.
    played.clock.advance(30_000);
    played.source('spot').handlers.onOpen();
    played.source('spot').handlers.onFrame(binance.trade({ t: 6 }), LOCAL_US);
    await up(played, 9_000, binanceRest.trades(4, 5, 6));
    expect(played.status().fallback).toBe(true);
    await up(played, 2_000, binanceRest.trades(5, 6, 7));
    expect(played.facts('fallback')[1]).toMatchObject({ on: false, reason: 'up for 10 s' });
    expect(played.status()).toMatchObject({ fallback: false, state: 'collecting' });
    const last = played.asks.at(-1)?.atMs ?? 0;
    await up(played, 20_000, '[]');
    expect(played.asks.at(-1)?.atMs).toBe(last);
    expect([...ids(played)].sort()).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    // 5 was polled after 6 had come: what looked like a gap was none. The last one's answer is still to come.
    const ends = played.gaps().flatMap((change) => (change.state === 'closed' ? change.end.repaired : []));
    expect([ends.length > 0, ends.every((repaired) => repaired === 'full')]).toEqual([true, true]);
  });

  test('one that comes back in time is not', async () => {
    const played = start('trades');
    played.source('spot').handlers.onOpen();
    await down(played, 25_000, '[]');
    played.clock.advance(4_000);
    played.source('spot').handlers.onOpen();
    await up(played, 60_000, '[]');
    expect([played.asks, played.facts('fallback')]).toEqual([[], []]);
  });

  test('one that falters before its time is up stays polled, and is told of once', async () => {
    const played = start('trades');
    await down(played, 31_000, '[]');
    for (let n = 0; n < 3; n++) {
      played.clock.advance(31_000);
      played.source('spot').handlers.onOpen();
      await up(played, 5_000, '[]');
      await down(played, 40_000, '[]');
    }
    expect(played.facts('fallback')).toHaveLength(1);
    expect(played.status().fallback).toBe(true);
  });

  test('a book is of snapshots until the stream joins it, and then of the stream alone', async () => {
    const played = start('orderbook');
    await down(played, 33_000, binance.depthAnswer(40));
    expect(bookRows(played)).toEqual(['S40', 'S40']);
    expect(played.status().symbols['BTC/USDT']?.state).toBe('polled');
    played.clock.advance(30_000);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    handlers.onFrame(binance.depth(61, 62), LOCAL_US);
    const join = played.asks.find(({ priority }) => priority === 'resync');
    answered.add(join ?? {});
    await join?.answer(text(binance.depthAnswer(60)));
    handlers.onFrame(binance.depth(63, 64), LOCAL_US);
    await up(played, 15_000, binance.depthAnswer(55));
    expect(bookRows(played).slice(-3)).toEqual(['S60', '+62', '+64']);
    expect(played.status()).toMatchObject({ fallback: false, resyncs: 0 });
    expect(played.status().symbols['BTC/USDT']?.state).toBe('synced');
  });
});

test('an OKX row stands for all its fills: polled alone, they are no rows again', async () => {
  const played = playFeed('okx', 'trades', ['BTC/USDT'], {}, null, {
    fallback: { afterMs: 1_000, backMs: 1_000 },
  });
  played.run.credit(1_000);
  const { handlers } = played.source('public');
  handlers.onOpen();
  handlers.onFrame(okx.trade({ tradeId: '12', count: '3' }), LOCAL_US);
  handlers.onClose(failure('ECONNRESET', 'reset'));
  await run(played, 2_000, okxRest.trades(13, 12, 11, 10, 9));
  expect(ids(played)).toEqual(['12', '9', '13']);
});

test('and so does one of a million', async () => {
  const played = playFeed('okx', 'trades', ['BTC/USDT'], {}, null, {
    fallback: { afterMs: 1_000, backMs: 1_000 },
  });
  played.run.credit(1_000);
  const { handlers } = played.source('public');
  handlers.onOpen();
  handlers.onFrame(okx.trade({ tradeId: '3000000', count: '1000000' }), LOCAL_US);
  handlers.onClose(failure('ECONNRESET', 'reset'));
  await run(played, 2_000, okxRest.trades(3_000_001, 2_999_999, 2_500_000, 2_000_001, 2_000_000));
  expect(ids(played)).toEqual(['3000000', '2000000', '3000001']);
});
