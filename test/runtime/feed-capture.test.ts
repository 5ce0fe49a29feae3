/** What a feed tells its capture, and that a replay of it gives the rows that the feed gave. */

import { describe, expect, test } from 'vitest';
import { failure, ok } from '../../src/core/result.ts';
import { NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { replay } from '../../src/runtime/replay.ts';
import { VENUES } from '../../src/venues/index.ts';
import { binance, bitflyer, bybit, okx } from '../fixtures/frames.ts';
import { bookRows, DEPTH_URL, type PlayedFeed, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';
import { type Tape, tape } from '../support/tape.ts';

const gone = failure('ECONNRESET', 'read ECONNRESET');
const TINY = { queueBytes: 300, batchEvents: 2 };

function start(
  venue: string,
  feed: 'ticker' | 'orderbook' | 'trades',
  symbols: readonly string[],
  tuning: Parameters<typeof playFeed>[3] = {},
): PlayedFeed & Tape {
  const found = VENUES.find((one) => one.id === venue);
  const instruments = symbols.flatMap((symbol) => found?.locate(symbol) ?? []);
  const taped = tape({ version: '0', venue, feed, options: { depth: 200, stream: null }, instruments });
  return { ...playFeed(venue, feed, symbols, tuning, taped.capture), ...taped };
}

/** The rows that a replay makes of a tape, and the newest state of its books. */
async function replayed({ moments }: Tape) {
  const rows: string[] = [];
  const books = new Map<string, string>();
  async function* source() {
    yield ok(moments());
  }
  const result = await replay(
    source(),
    {
      venues: VENUES,
      options: () => ({ depth: 1, stream: 'trade' }),
      namedSymbol: () => 'NOT/ASKED',
      ingest: ({ bytes }) => rows.push(...Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean)),
      books(_, list) {
        for (const [symbol, json] of list) books.set(symbol, json);
      },
      dropped: () => undefined,
      tick: () => undefined,
      reject: () => undefined,
    },
    async () => undefined,
  );
  if (!result.ok) throw new Error(result.error.message);
  return { rows, books, report: result.value };
}

/** A file holds one symbol; which symbol's rows come first depends on where batches end. */
function byFile(rows: readonly string[]) {
  const symbols = new Set(rows.map((row) => row.split(',')[1]));
  return new Map([...symbols].map((symbol) => [symbol, rows.filter((row) => row.split(',')[1] === symbol)]));
}

async function expectSame(played: PlayedFeed & Tape, atLeast: number): Promise<void> {
  const stopped = played.run.stop();
  played.finish();
  await stopped;
  const { rows, books } = await replayed(played);
  expect(byFile(rows)).toEqual(byFile(played.rows()));
  expect(rows.length).toBeGreaterThanOrEqual(atLeast);
  const live = new Map(played.posts.flatMap((post) => (post.type === 'books' ? post.books : [])));
  expect(books).toEqual(live);
}

describe('what is told, in the order in which it happens', () => {
  test('a connection, what was sent when it was sent, each frame, the end, and tries that failed', () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    handlers.onFrame(okx.trade(), LOCAL_US);
    handlers.onFrame('not even JSON', LOCAL_US);
    played.clock.advance(20_000);
    handlers.onClose(gone);
    played.clock.advance(1_000);
    played.source('public').handlers.onClose(gone);
    const [subscribe] = played.sources[0]?.sent ?? [];
    expect(played.lines).toEqual([
      'note start',
      'connect public',
      `send public ${subscribe}`,
      'recv public',
      'recv public',
      'send public ping',
      'close public',
      'close public',
    ]);
    expect(played.moments()[2]?.line).toMatchObject({ url: 'wss://ws.okx.com:8443/ws/v5/public' });
    expect(played.moments()[3]?.line).toMatchObject({ text: okx.trade(), localUs: LOCAL_US });
  });

  test('an answer where it is applied, even one that is no snapshot', async () => {
    const played = start('binance', 'orderbook', ['BTC/USDT']);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    handlers.onFrame(binance.depth(11, 12), LOCAL_US);
    handlers.onFrame(binance.depth(13, 14), LOCAL_US);
    await played.asks[0]?.answer(ok({ text: '{"code":-1}', localUs: LOCAL_US, url: DEPTH_URL }));
    handlers.onFrame(binance.depth(15, 16), LOCAL_US);
    played.clock.advance(11_000);
    await played.asks[1]?.answer(
      ok({ text: binance.depthAnswer(14), localUs: LOCAL_US + 1, url: DEPTH_URL }),
    );
    expect(played.lines.slice(3)).toEqual([
      'recv spot',
      'recv spot',
      `http ${DEPTH_URL}`,
      'recv spot',
      `http ${DEPTH_URL}`,
    ]);
    await expectSame(played, 2);
  });

  test('the stop, before connections end; who stops it waits for the capture, and is told how it went', async () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    played.source('public').handlers.onOpen();
    let isStopped = false;
    const stopping = played.run.stop().then(() => {
      isStopped = true;
    });
    await new Promise(setImmediate);
    expect([played.lines.at(-1), isStopped, played.posts.length]).toEqual(['note stop', false, 1]);
    played.finish();
    await stopping;
    expect(played.status().capture).toEqual({
      failing: false,
      files: 1,
      bytes: 2,
      dropped: 3,
      errors: 4,
      last_error: 'x',
    });
  });

  test('nothing at all without a capture', () => {
    const played = playFeed('okx', 'trades', ['BTC/USDT']);
    played.source('public').handlers.onOpen();
    played.source('public').handlers.onFrame(okx.trade(), LOCAL_US);
    played.clock.advance(1_000);
    expect(played.status().capture).toBe(null);
  });
});

describe('a replay gives the rows that the feed gave', () => {
  test('of a book that breaks, is subscribed anew, loses its connection, and joins again', async () => {
    const played = start('bybit', 'orderbook', ['BTC/USDT', 'BTC/USDT:USDT']);
    played.run.credit(100);
    const spot = () => played.source('spot').handlers;
    spot().onOpen();
    for (const body of [bybit.book('snapshot', 10), bybit.book('delta', 11), bybit.book('delta', 13)])
      spot().onFrame(body, LOCAL_US);
    played.source('linear').handlers.onOpen();
    played.source('linear').handlers.onFrame(bybit.book('snapshot', 5), LOCAL_US);
    spot().onFrame(bybit.book('snapshot', 20), LOCAL_US);
    spot().onFrame(bybit.book('delta', 21), LOCAL_US);
    spot().onClose(gone);
    played.clock.advance(1_000);
    spot().onOpen();
    spot().onFrame(bybit.book('delta', 22), LOCAL_US);
    spot().onFrame(bybit.book('snapshot', 30), LOCAL_US);
    played.source('linear').handlers.onFrame(bybit.book('delta', 6), LOCAL_US);
    expect(played.facts('resync')).toHaveLength(2);
    await expectSame(played, 7);
  });

  test('of a book whose file was begun anew, for its size and for a new day', async () => {
    const played = start('bybit', 'orderbook', ['BTC/USDT']);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    played.run.credit(9);
    handlers.onFrame(bybit.book('snapshot', 10), LOCAL_US);
    played.run.rotate('BTC/USDT');
    handlers.onFrame(bybit.book('delta', 11), LOCAL_US + 1);
    handlers.onFrame(bybit.book('delta', 12), LOCAL_US + 86_400_000_000);
    played.clock.advance(100);
    expect(played.lines).toContain('note rotate BTC/USDT');
    expect(bookRows(played)).toEqual(['S10', 'S10', '+11', 'S11', '+12']);
    await expectSame(played, 5);
  });

  test('of a ticker whose fields came over a connection that was lost', async () => {
    const played = start('bybit', 'ticker', ['BTC/USDT']);
    played.run.credit(100);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    const best = bybit.book('snapshot', 1).replace('orderbook.200', 'orderbook.1');
    handlers.onFrame(best, LOCAL_US);
    handlers.onClose(gone);
    played.clock.advance(1_000);
    played.source('spot').handlers.onOpen();
    played.source('spot').handlers.onFrame(best, LOCAL_US + 5);
    await expectSame(played, 2);
    // Not book rows, though the channel is one of books.
    expect(played.rows()[0]?.split(',')).toHaveLength(11);
  });

  test('of trades that did not all fit the queue: those that were lost stay lost, and no other', async () => {
    const played = start('okx', 'trades', ['BTC/USDT'], TINY);
    const { handlers } = played.source('public');
    handlers.onOpen();
    for (let id = 0; id < 12; id++) handlers.onFrame(okx.trade({ tradeId: String(id) }), LOCAL_US);
    played.run.credit(100);
    for (let id = 12; id < 20; id++) handlers.onFrame(okx.trade({ tradeId: String(id) }), LOCAL_US);
    const lost = played.lines.filter((line) => line.startsWith('note overflow BTC/USDT')).length;
    await expectSame(played, 8);
    expect([lost > 5, played.status().dropped]).toEqual([true, lost]);
    const { report } = await replayed(played);
    expect(report.venues['okx.trades']?.counters.events).toBe(20 - lost);
  });

  test('of several trades in one frame of which some were lost', async () => {
    const played = start('bitflyer', 'trades', ['BTC/JPY:JPY'], TINY);
    const { handlers } = played.source('realtime');
    handlers.onOpen();
    for (let at = 0; at < 3; at++)
      handlers.onFrame(
        bitflyer.executions(...[1, 2, 3].map((id) => bitflyer.execution(at * 10 + id))),
        LOCAL_US,
      );
    expect(played.lines.filter((line) => line.startsWith('note overflow')).length).toBeGreaterThan(2);
    await expectSame(played, 2);
  });

  test.each(['bybit', 'binance', 'bitflyer'] as const)(
    'of a book that overflowed and was joined anew: %s',
    async (venue) => {
      const symbol = venue === 'bitflyer' ? 'BTC/JPY' : 'BTC/USDT';
      const played = start(venue, 'orderbook', [symbol], TINY);
      const { handlers } = played.source(venue === 'bitflyer' ? 'realtime' : 'spot');
      handlers.onOpen();
      const bid = bitflyer.level('5860000.0', '0.1');
      const ask = bitflyer.level('5861000.0', '0.1');
      const snapshot = async (at: number) => {
        if (venue === 'bybit') return handlers.onFrame(bybit.book('snapshot', at), LOCAL_US);
        if (venue === 'bitflyer') return handlers.onFrame(bitflyer.snapshot(bid, ask), LOCAL_US);
        handlers.onFrame(binance.depth(at + 1, at + 1), LOCAL_US);
        const answer = { text: binance.depthAnswer(at), localUs: LOCAL_US, url: DEPTH_URL };
        return played.asks.at(-1)?.answer(ok(answer));
      };
      const delta = (at: number) =>
        handlers.onFrame(
          venue === 'bybit'
            ? bybit.book('delta', at)
            : venue === 'binance'
              ? binance.depth(at, at)
              : bitflyer.board(bid, ask),
          LOCAL_US,
        );
      await snapshot(10);
      for (let at = venue === 'binance' ? 12 : 11; at < 25; at++) {
        delta(at);
        if (at === 20) played.clock.advance(1);
      }
      played.clock.advance(1_000);
      played.run.credit(100);
      delta(25);
      played.clock.advance(2_000);
      await snapshot(30);
      delta(venue === 'binance' ? 32 : 31);
      played.clock.advance(2_000);
      expect(played.lines).toContain(`note resync ${symbol} overflow`);
      expect(bookRows(played).filter((row) => row.startsWith('S'))).toHaveLength(2);
      await expectSame(played, 4);
    },
  );

  test('of an answer whose join did not fit the queue, after a frame of another book', async () => {
    const played = start('binance', 'orderbook', ['BTC/USDT', 'ETH/USDT'], {
      queueBytes: 900,
      batchEvents: 2,
    });
    const { handlers } = played.source('spot');
    handlers.onOpen();
    const delta = (s: string, u: number) => handlers.onFrame(binance.depth(u, u, { s }), LOCAL_US);
    const answer = (index: number) =>
      played.asks[index]?.answer(
        ok({ text: binance.depthAnswer(10), localUs: LOCAL_US, url: urls[index] ?? '' }),
      );
    const urls = [DEPTH_URL, DEPTH_URL.replace('BTC', 'ETH')];
    delta('BTCUSDT', 11);
    await answer(0);
    for (let u = 11; u < 30; u++) delta('ETHUSDT', u);
    delta('BTCUSDT', 12);
    await answer(1);
    const lost = played.lines.filter((line) => line.startsWith('note overflow ETH/USDT'));
    expect(lost.length).toBeGreaterThan(5);
    expect(lost.at(-1)).toBe('note overflow ETH/USDT 20');
    await expectSame(played, 4);
  });

  test('of two runs: the second begins with nothing, as its thread did', async () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    const { handlers } = played.source('public');
    handlers.onOpen();
    handlers.onFrame(okx.trade({ tradeId: '1' }), LOCAL_US);
    handlers.onFrame(okx.trade({ tradeId: '1' }), LOCAL_US);
    played.restart();
    played.capture.connect('public', 'wss://ws.okx.com:8443/ws/v5/public');
    played.capture.recv('public', okx.trade({ tradeId: '1' }), LOCAL_US);
    const { rows, report } = await replayed(played);
    expect(rows.map((row) => row.split(',')[4])).toEqual(['1', '1']);
    expect(report.venues['okx.trades']).toMatchObject({
      symbols: 1,
      counters: { frames: 3, events: 2, duplicates: 1 },
    });
  });
});

test('symbols that come and go: a replay has the same rows, and the same trades are known', async () => {
  const [spot, linear] = ['BTC/USDT', 'BTC/USDT:USDT'];
  const located = (...symbols: readonly string[]) =>
    symbols.flatMap((symbol) => VENUES.find(({ id }) => id === 'binance')?.locate(symbol) ?? []);
  const played = start('binance', 'trades', [spot]);
  played.run.credit(100);
  const say = (name: string, frame: string) => played.source(name).handlers.onFrame(frame, LOCAL_US);
  played.source('spot').handlers.onOpen();
  say('spot', binance.trade());
  played.run.instruments(located(spot, linear), { ...NOTHING_LEFT, seen: { [linear]: ['900001'] } });
  played.source('usdm-market').handlers.onOpen();
  for (const a of [900_001, 900_002, 900_003]) say('usdm-market', binance.aggTrade({ a }));
  played.run.instruments(located(linear), NOTHING_LEFT);
  say('spot', binance.trade({ t: 5_000_000_002 }));
  say('usdm-market', binance.aggTrade({ a: 900_003 }));
  // Nothing of before it went is known, but by its file, which is empty here.
  played.run.instruments(located(spot, linear), NOTHING_LEFT);
  played.source('spot').handlers.onOpen();
  for (const t of [5_000_000_001, 5_000_000_002]) say('spot', binance.trade({ t }));
  expect(played.lines.filter((line) => line.startsWith('note instruments'))).toEqual([
    `note instruments ${spot} ${linear}`,
    `note instruments ${linear}`,
    `note instruments ${spot} ${linear}`,
  ]);
  await expectSame(played, 5);
});
