/** A connection that is replaced by another: no gap, no doubled row, and a replay gives the same. */

import { describe, expect, test } from 'vitest';
import { failure, ok } from '../../src/core/result.ts';
import { NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { replay } from '../../src/runtime/replay.ts';
import { VENUES } from '../../src/venues/index.ts';
import { binance, okx } from '../fixtures/frames.ts';
import { bookRows, DEPTH_URL, type PlayedFeed, type PlayedSource, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';
import { type Tape, tape } from '../support/tape.ts';

const gone = failure('ECONNRESET', 'read ECONNRESET');

interface Bench extends PlayedFeed, Tape {
  /** Time goes on over living connections. */
  pass(sec: number): void;
  open(name: string): PlayedSource;
  /** Opens it and acknowledges all that it asked for. */
  serve(name: string): PlayedSource;
}

function start(venue: string, feed: 'ticker' | 'orderbook' | 'trades', symbols: readonly string[]): Bench {
  const found = VENUES.find((one) => one.id === venue);
  const instruments = symbols.flatMap((symbol) => found?.locate(symbol) ?? []);
  const taped = tape({ version: '0', venue, feed, options: { depth: 200, stream: null }, instruments });
  const played = playFeed(venue, feed, symbols, {}, taped.capture);
  played.run.credit(1_000);
  const open = (name: string): PlayedSource => {
    const source = played.source(name);
    source.handlers.onOpen();
    return source;
  };
  return Object.assign(played, taped, {
    open,
    pass(sec: number) {
      for (let s = 0; s < sec; s++) {
        played.clock.advance(1_000);
        for (const { handlers } of played.sources) handlers.onSign();
      }
    },
    serve(name: string) {
      const source = open(name);
      played.clock.advance(3_000);
      for (const { hello, stream } of source.plan.subscriptions)
        source.handlers.onFrame(ackOf(venue, hello, stream), LOCAL_US);
      return source;
    },
  });
}

function ackOf(venue: string, hello: number, stream: string): string {
  const [channel, instId] = stream.split(':');
  switch (venue) {
    case 'binance':
      return `{"result":null,"id":${hello}}`;
    case 'bybit':
      return `{"success":true,"ret_msg":"subscribe","req_id":"${hello}","op":"subscribe"}`;
    case 'okx':
      return JSON.stringify({ event: 'subscribe', arg: { channel, instId } });
    default:
      return `{"jsonrpc":"2.0","id":${hello},"result":true}`;
  }
}

/** What the recording of it gives, put through a replay, is what it gave. */
async function expectReplayed(played: Bench): Promise<void> {
  const stopped = played.run.stop();
  played.finish();
  await stopped;
  const rows: string[] = [];
  async function* source() {
    yield ok(played.moments());
  }
  const result = await replay(
    source(),
    {
      venues: VENUES,
      options: () => ({ depth: 1, stream: 'trade' }),
      namedSymbol: () => 'NOT/ASKED',
      ingest: ({ bytes }) => rows.push(...Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean)),
      books: () => undefined,
      dropped: () => undefined,
      tick: () => undefined,
      reject: () => undefined,
    },
    async () => undefined,
  );
  expect(result.ok).toBe(true);
  // A file holds one symbol; which symbol's rows come first depends on where batches end.
  const byFile = (some: readonly string[]) =>
    [...new Set(some.map((row) => row.split(',')[1]))]
      .sort()
      .map((symbol) => some.filter((row) => row.split(',')[1] === symbol));
  expect(byFile(rows)).toEqual(byFile(played.rows()));
}

const says = ({ handlers }: PlayedSource, ...frames: readonly string[]): void => {
  for (const frame of frames) handlers.onFrame(frame, LOCAL_US);
};

const ids = (played: PlayedFeed): readonly (string | undefined)[] =>
  played.rows().map((row) => row.split(',')[4]);

describe('before its life ends', () => {
  test('another is opened beside it, and takes over where both stand at the same number', async () => {
    const played = start('binance', 'orderbook', ['BTC/USDT']);
    const old = played.serve('spot');
    says(old, binance.depth(11, 12));
    await played.asks[0]?.answer(ok({ text: binance.depthAnswer(10), localUs: LOCAL_US, url: DEPTH_URL }));
    // Chance is 1: as early as it can be.
    for (let times = 0; times < 0.94 * 24 * 12 - 1; times++) {
      // Outdated, and a sign that the connection is alive.
      says(old, binance.depth(11, 12));
      played.pass(300);
    }
    expect(played.sources).toHaveLength(1);
    played.pass(300);
    expect(played.sources.map(({ plan }) => plan.name)).toEqual(['spot', 'spot~2']);
    says(old, binance.depth(13, 14));
    const next = played.serve('spot~2');
    expect(next.sent).toEqual(old.sent);
    says(next, binance.depth(17, 18));
    says(old, binance.depth(15, 16), binance.depth(17, 18));
    played.pass(1);
    expect([old.closes, next.closes]).toEqual([['politely'], []]);
    says(old, binance.depth(19, 20));
    says(next, binance.depth(19, 20));
    played.pass(2);
    expect(bookRows(played)).toEqual(['S10', '+12', '+14', '+16', '+18', '+20']);
    expect(played.facts('handover')).toMatchObject([
      { state: 'begun', from: 'spot', connection: 'spot~2', reason: 'lifetime' },
      { state: 'done', from: 'spot', connection: 'spot~2', reason: 'lifetime' },
    ]);
    expect([played.facts('reconnect'), played.facts('resync'), played.facts('gap')]).toEqual([[], [], []]);
    expect(played.status()).toMatchObject({ reconnects: 0, resyncs: 0, state: 'collecting' });
    await expectReplayed(played);
  });

  test('and so on: the next one takes the first name again', () => {
    const played = start('binance', 'trades', ['BTC/USDT']);
    played.serve('spot');
    played.pass(24 * 3_600);
    played.serve('spot~2');
    played.pass(24 * 3_600);
    played.serve('spot');
    played.pass(2);
    expect(played.sources.map(({ plan, closes }) => [plan.name, closes.length])).toEqual([
      ['spot', 1],
      ['spot~2', 1],
      ['spot', 0],
    ]);
    expect(played.facts('reconnect')).toEqual([]);
  });

  test('venues that name no life keep their connections', () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    played.serve('public');
    played.pass(3 * 24 * 3_600);
    expect(played.sources).toHaveLength(1);
  }, 20_000);
});

describe('on a notice', () => {
  test.each([
    ['binance', 'spot', binance.shutdown],
    ['binance', 'spot', '{"e":"serverShutdown","E":1795219200000}'],
    ['okx', 'public', okx.notice],
  ])('%s (%#): at once, and once', (venue, name, notice) => {
    const played = start(venue, 'trades', ['BTC/USDT']);
    const old = played.serve(name);
    says(old, notice, notice);
    expect(played.facts('notice')).toHaveLength(2);
    expect(played.sources.map(({ plan }) => plan.name)).toEqual([name, `${name}~2`]);
    played.serve(`${name}~2`);
    played.pass(2);
    expect(old.closes).toEqual(['politely']);
    expect(played.sources).toHaveLength(2);
    expect(played.facts('handover').map(({ state, reason }) => [state, reason])).toEqual([
      ['begun', 'notice'],
      ['done', 'notice'],
    ]);
  });

  test('one to the new connection too: that is replaced when it has taken over', () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    says(played.serve('public'), okx.notice);
    says(played.serve('public~2'), okx.notice);
    played.pass(2);
    expect(played.sources.map(({ plan }) => plan.name)).toEqual(['public', 'public~2', 'public']);
  });

  test('trades of both are one row each, and none is missed', async () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    const old = played.serve('public');
    const trade = (id: number) => okx.trade({ tradeId: String(id) });
    says(old, trade(1), okx.notice, trade(2));
    const next = played.open('public~2');
    says(old, trade(3));
    says(next, trade(3), trade(4));
    says(old, trade(4), trade(5));
    played.pass(2);
    says(next, trade(5), trade(6));
    played.pass(2);
    expect(old.closes).toEqual(['politely']);
    expect(ids(played)).toEqual(['1', '2', '3', '4', '5', '6']);
    await expectReplayed(played);
  });

  test('the snapshot of the new one is no row when the books line up', async () => {
    const played = start('okx', 'orderbook', ['BTC/USDT']);
    const old = played.serve('public');
    const delta = (u: number) => okx.book('update', u, u - 1);
    says(old, okx.book('snapshot', 10, -1), delta(11), okx.notice);
    const next = played.serve('public~2');
    says(next, okx.book('snapshot', 12, -1), delta(13));
    says(old, delta(12));
    expect(old.closes).toEqual([]);
    says(old, delta(13));
    played.pass(2);
    expect(old.closes).toEqual(['politely']);
    says(next, delta(14));
    played.pass(2);
    expect(bookRows(played)).toEqual(['S10', '+11', '+12', '+13', '+14']);
    expect([played.facts('resync'), played.facts('reconnect')]).toEqual([[], []]);
    await expectReplayed(played);
  });

  test('books that never meet are joined anew on the new one, and say so', async () => {
    const played = start('okx', 'orderbook', ['BTC/USDT']);
    const old = played.serve('public');
    says(old, okx.book('snapshot', 10, -1), okx.notice);
    const next = played.serve('public~2');
    says(next, okx.book('snapshot', 1, -1));
    next.handlers.onFrame(okx.book('update', 2, 1), LOCAL_US + 5_100_000);
    played.pass(2);
    expect(bookRows(played)).toEqual(['S10', 'S1', '+2']);
    expect(played.facts('resync')).toMatchObject([{ symbol: 'BTC/USDT', reason: 'handover' }]);
    expect(played.facts('resubscribe')).toEqual([]);
    expect(old.closes).toEqual(['politely']);
    await expectReplayed(played);
  });

  test('books that have not met when the old one is closed are joined anew, and say why', async () => {
    const played = start('okx', 'orderbook', ['BTC/USDT']);
    const old = played.serve('public');
    says(old, okx.book('snapshot', 10, -1), okx.notice);
    says(played.serve('public~2'), okx.book('snapshot', 12, -1));
    played.pass(12);
    expect(old.closes).toEqual(['politely']);
    expect([bookRows(played), played.facts('resync')]).toMatchObject([
      ['S10', 'S12'],
      [{ symbol: 'BTC/USDT', reason: 'handover' }],
    ]);
    expect([played.facts('reconnect'), played.facts('resubscribe')]).toEqual([[], []]);
    await expectReplayed(played);
  });

  test('a ticker comes from one connection at a time', async () => {
    const played = start('okx', 'ticker', ['BTC/USDT', 'ETH/USDT']);
    const old = played.serve('public');
    const ticker = (ts: number) => okx.ticker('BTC-USDT', { ts: String(1_795_219_200_000 + ts) });
    says(old, okx.ticker('ETH-USDT', { ts: '1795219200000' }), ticker(1), ticker(2), okx.notice);
    const next = played.serve('public~2');
    says(next, ticker(2), ticker(3));
    says(old, ticker(3), ticker(4));
    says(next, ticker(4));
    played.pass(1);
    // The new one has not brought the other symbol yet.
    expect(old.closes).toEqual([]);
    says(next, okx.ticker('ETH-USDT', { ts: '1795219200000' }));
    played.pass(1);
    expect(old.closes).toEqual(['politely']);
    says(next, okx.ticker('ETH-USDT'));
    played.pass(2);
    const times = played.rows().map((row) => Number(row.split(',')[2]) / 1000 - 1_795_219_200_000);
    expect([...times].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 873]);
    await expectReplayed(played);
  });
});

describe('when something goes wrong meanwhile', () => {
  test('the new one cannot be opened: the old one stays, and it is tried again', async () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    const old = played.serve('public');
    says(old, okx.notice);
    for (let times = 0; times < 3; times++) {
      played.source('public~2').handlers.onClose(gone);
      played.clock.advance(10_000);
    }
    expect(played.facts('handover').slice(1)).toMatchObject([
      { state: 'failed', code: 'ECONNRESET' },
      { state: 'failed' },
      { state: 'failed' },
    ]);
    says(old, okx.trade({ tradeId: '7' }));
    expect([played.facts('reconnect'), old.closes]).toEqual([[], []]);
    played.serve('public~2');
    played.pass(2);
    expect([old.closes, ids(played)]).toEqual([['politely'], ['7']]);
    await expectReplayed(played);
  });

  test('the old one ends before the new one serves: a disconnect, and the new one is the only one', async () => {
    const played = start('okx', 'orderbook', ['BTC/USDT']);
    const old = played.serve('public');
    says(old, okx.book('snapshot', 10, -1), okx.notice);
    old.handlers.onClose(gone);
    expect(played.facts('reconnect')).toMatchObject([{ connection: 'public', was_up: true }]);
    expect(played.facts('resync')).toMatchObject([{ reason: 'disconnect' }]);
    played.pass(60);
    expect(played.sources).toHaveLength(2);
    says(played.serve('public~2'), okx.book('snapshot', 20, -1));
    played.pass(2);
    expect(bookRows(played)).toEqual(['S10', 'S20']);
    expect(played.status()).toMatchObject({ reconnects: 1, state: 'collecting' });
    await expectReplayed(played);
  });

  test('the new one ends after it had the book: the old one goes on by the numbers', async () => {
    const played = start('binance', 'orderbook', ['BTC/USDT', 'ETH/USDT']);
    const old = played.serve('spot');
    const answer = (symbol: string, id: number) =>
      ok({ text: binance.depthAnswer(id), localUs: LOCAL_US, url: DEPTH_URL.replace('BTCUSDT', symbol) });
    says(old, binance.depth(11, 12), binance.depth(11, 12, { s: 'ETHUSDT' }), binance.shutdown);
    await played.asks[0]?.answer(answer('BTCUSDT', 10));
    await played.asks[1]?.answer(answer('ETHUSDT', 10));
    const next = played.serve('spot~2');
    says(next, binance.depth(13, 14));
    next.handlers.onClose(gone);
    expect(played.facts('reconnect')).toMatchObject([{ connection: 'spot~2', was_up: true }]);
    says(old, binance.depth(15, 16), binance.depth(13, 14, { s: 'ETHUSDT' }));
    played.pass(2);
    const rows = played.rows().map((row) => row.split(',').slice(1, 6));
    const of = (symbol: string) => rows.filter(([one]) => one === symbol).map((cells) => cells[4]);
    expect([of('ETH/USDT'), of('BTC/USDT')]).toEqual([
      ['10', '12', '14'],
      ['10', '12', '14', '16'],
    ]);
    expect([played.facts('resync'), played.asks.length]).toEqual([[], 2]);
    await expectReplayed(played);
  });

  test('a quiet book goes over by its number alone; a message that was missed is found by the next', async () => {
    const played = start('binance', 'orderbook', ['BTC/USDT']);
    const old = played.serve('spot');
    says(old, binance.depth(11, 12), binance.shutdown);
    await played.asks[0]?.answer(ok({ text: binance.depthAnswer(10), localUs: LOCAL_US, url: DEPTH_URL }));
    const next = played.serve('spot~2');
    played.pass(12);
    expect([old.closes, played.facts('resync')]).toEqual([['politely'], []]);
    says(next, binance.depth(13, 14));
    played.pass(1);
    expect([bookRows(played), played.asks.length]).toEqual([['S10', '+12', '+14'], 1]);
    await expectReplayed(played);
  });

  test('polling stands in for neither while one of the two is up, and for both when none is', () => {
    const at = playFeed('okx', 'trades', ['BTC/USDT'], {}, null, {
      fallback: { afterMs: 5_000, backMs: 5_000 },
    });
    const old = at.source('public').handlers;
    old.onOpen();
    old.onFrame(okx.notice, LOCAL_US);
    at.clock.advance(1_000);
    old.onClose(gone);
    at.clock.advance(2_000);
    at.source('public~2').handlers.onOpen();
    at.clock.advance(20_000);
    expect([at.facts('fallback'), at.asks]).toEqual([[], []]);
    at.source('public~2').handlers.onClose(gone);
    at.clock.advance(6_000);
    expect(at.facts('fallback')).toMatchObject([{ on: true, connection: 'public~2' }]);
  });

  test('a stop closes both, and a pause the old one: the new one is not wanted then', () => {
    const played = start('okx', 'trades', ['BTC/USDT']);
    says(played.serve('public'), okx.notice);
    played.open('public~2');
    played.run.pause(60_000);
    expect(played.sources.map(({ closes }) => closes)).toEqual([['politely'], ['politely']]);
    const both = start('okx', 'trades', ['BTC/USDT']);
    says(both.serve('public'), okx.notice);
    both.open('public~2');
    void both.run.stop();
    expect(both.sources.map(({ closes }) => closes)).toEqual([['politely'], ['politely']]);
    expect(both.facts('reconnect')).toEqual([]);
  });

  test.each(['not open yet', 'open'])(
    'a pause while symbols change, the new one %s: what is missing is told, and polled',
    (state) => {
      const at = playFeed('bybit', 'trades', ['BTC/USDT', 'SOL/USDT'], {}, null, {
        fallback: { afterMs: 5_000, backMs: 5_000 },
      });
      at.run.credit(1_000);
      at.source('spot').handlers.onOpen();
      const trade = (symbol: string) =>
        JSON.stringify({
          topic: `publicTrade.${symbol}`,
          type: 'snapshot',
          ts: LOCAL_US / 1_000,
          data: [{ T: LOCAL_US / 1_000, s: symbol, S: 'Buy', v: '1', p: '2', i: `1-${symbol}`, BT: false }],
        });
      at.source('spot').handlers.onFrame(trade('BTCUSDT'), LOCAL_US);
      const bybit = VENUES.find(({ id }) => id === 'bybit');
      const next = ['BTC/USDT', 'ETH/USDT'].flatMap((symbol) => bybit?.locate(symbol) ?? []);
      at.run.instruments(next, NOTHING_LEFT);
      at.clock.advance(1_000);
      if (state === 'open') {
        at.source('spot~2').handlers.onOpen();
        at.source('spot~2').handlers.onFrame(trade('ETHUSDT'), LOCAL_US);
      }
      at.run.pause(600_000);
      const lost = state === 'open' ? ['ETH/USDT', 'BTC/USDT'] : ['BTC/USDT'];
      expect(
        at
          .gaps()
          .map(({ state, gap }) => [state, gap.symbol, gap.kind])
          .sort(),
      ).toEqual(lost.map((symbol) => ['open', symbol, 'disconnect']).sort());
      expect(at.gaps()[0]?.gap.reason).toBe('paused the venue wants no session for a while');
      at.clock.advance(20_000);
      expect(at.facts('fallback')).toMatchObject([{ on: true, symbols: 2 }]);
      expect(new Set(at.asks.map(({ call }) => call.params.symbol))).toEqual(new Set(['BTCUSDT', 'ETHUSDT']));
    },
  );
});
