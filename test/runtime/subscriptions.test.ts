/** Each subscription is taken, heard, or an error with its name. */

import { describe, expect, test } from 'vitest';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestText } from '../../src/runtime/protocol.ts';
import { createRates } from '../../src/runtime/rates.ts';
import { createSubscriptions } from '../../src/runtime/subscriptions.ts';
import { venueById } from '../../src/venues/index.ts';
import { binance, bitflyer, bybit, okx } from '../fixtures/frames.ts';
import { manualClock } from '../support/clock.ts';
import { type PlayedFeed, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

interface Bench extends PlayedFeed {
  says(...frames: readonly string[]): void;
  /** Seconds over a living connection, with these frames in each. */
  pass(sec: number, ...frames: readonly string[]): void;
  /** What was sent since the newest call. */
  sent(): readonly string[];
}

function start(
  venue: string,
  feed: 'ticker' | 'orderbook' | 'trades',
  symbols: readonly string[],
  name: string,
): Bench {
  const played = playFeed(venue, feed, symbols);
  played.run.credit(100_000);
  played.source(name).handlers.onOpen();
  let told = 0;
  const says = (...frames: readonly string[]): void => {
    for (const frame of frames) played.source(name).handlers.onFrame(frame, LOCAL_US);
  };
  return Object.assign(played, {
    says,
    pass(sec: number, ...frames: readonly string[]) {
      for (let s = 0; s < sec; s++) {
        played.clock.advance(1_000);
        for (const { handlers } of played.sources) handlers.onSign();
        says(...frames);
      }
    },
    sent() {
      const all = played.source(name).sent;
      const some = all.slice(told);
      told = all.length;
      return some;
    },
  });
}

const okxAck = (channel: string, instId: string): string =>
  JSON.stringify({ event: 'subscribe', arg: { channel, instId } });
const okxRefusal = (channel: string, instId: string): string =>
  JSON.stringify({
    event: 'error',
    code: '60018',
    msg: `Wrong URL or channel:${channel},instId:${instId} doesn't exist. Please use the correct URL.`,
  });

describe('a refusal', () => {
  test('names its symbol, and the others go on', () => {
    const at = start('okx', 'ticker', ['BTC/USDT', 'XXX/USDT'], 'public');
    at.says(okxAck('tickers', 'BTC-USDT'), okxRefusal('tickers', 'XXX-USDT'));
    at.pass(5, okx.ticker('BTC-USDT'));
    expect(at.facts('refused')).toMatchObject([
      { connection: 'public', symbol: 'XXX/USDT', stream: 'tickers:XXX-USDT' },
    ]);
    const { lastError, symbols, state } = at.status();
    expect(lastError).toContain('tickers:XXX-USDT');
    expect(symbols['XXX/USDT']?.error).toContain("doesn't exist");
    expect([symbols['BTC/USDT']?.error, symbols['BTC/USDT']?.state, state]).toEqual([
      undefined,
      'collecting',
      'collecting',
    ]);
  });

  test('is asked for again after a minute, and then after twice as long, up to half an hour', () => {
    const at = start('okx', 'ticker', ['XXX/USDT'], 'public');
    const moments: number[] = [];
    at.says(okxRefusal('tickers', 'XXX-USDT'));
    at.sent();
    for (let s = 0; s < 10_000; s++) {
      at.pass(1);
      if (!at.sent().some((text) => text.includes('"subscribe"'))) continue;
      moments.push(at.clock.monoMs() / 1_000);
      at.says(okxRefusal('tickers', 'XXX-USDT'));
    }
    const waits = moments.map((moment, index) => Math.round((moment - (moments[index - 1] ?? 0)) / 10) * 10);
    expect(waits.slice(0, 7)).toEqual([60, 120, 240, 480, 960, 1_800, 1_800]);
  });

  test('ends when it is heard: the symbol has no error', () => {
    const at = start('okx', 'ticker', ['BTC/USDT'], 'public');
    at.says(okxRefusal('tickers', 'BTC-USDT'));
    at.pass(2);
    expect(at.status().symbols['BTC/USDT']?.error).toBeDefined();
    at.pass(2, okx.ticker('BTC-USDT'));
    expect(at.status().symbols['BTC/USDT']?.error).toBeUndefined();
  });

  test.each([
    ['binance', 'spot', '{"error":{"code":2,"msg":"Invalid request"},"id":1}', 'method', 'btcusdt@trade'],
    [
      'bybit',
      'spot',
      '{"success":false,"ret_msg":"error:handler not found","req_id":"1","op":"subscribe"}',
      'op',
      'publicTrade.BTCUSDT',
    ],
  ])(
    '%s refuses a request of several: each is asked for alone, and the bad one is named',
    (venue, name, refusal, key, good) => {
      const at = start(venue, 'trades', ['BTC/USDT', 'XXX/USDT', 'ETH/USDT'], name);
      at.sent();
      at.says(refusal);
      at.pass(2);
      const asked = at.sent().map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(asked.map((one) => String(one[key]).toLowerCase())).toEqual([
        'subscribe',
        'subscribe',
        'subscribe',
      ]);
      expect(JSON.stringify(asked[0])).toContain(good);
      const idOf = (index: number) => String(asked[index]?.id ?? asked[index]?.req_id);
      expect(new Set(['1', ...asked.map((_, index) => idOf(index))]).size).toBe(4);
      at.says(refusal.replace(/"1"/, `"${idOf(1)}"`).replace(/"id":1/, `"id":${idOf(1)}`));
      expect(at.facts('refused')).toMatchObject([{ symbol: 'XXX/USDT' }]);
    },
  );

  test('without a name, while several wait: it is told as it came', () => {
    const at = start('okx', 'trades', ['BTC/USDT', 'ETH/USDT'], 'public');
    at.says('{"event":"error","code":"60014","msg":"Requests too frequent"}');
    expect(at.facts('refused')).toMatchObject([
      { connection: 'public', text: '60014 Requests too frequent' },
    ]);
    expect(at.facts('refused')[0]).not.toHaveProperty('symbol');
  });

  test('bybit: what is subscribed already is taken', () => {
    const at = start('bybit', 'trades', ['BTC/USDT'], 'spot');
    at.says('{"success":false,"ret_msg":"error:already subscribed,topic:x","req_id":"1","op":"subscribe"}');
    at.pass(60);
    expect([at.facts('refused'), at.facts('silent')]).toEqual([[], []]);
  });
});

describe('a subscription that is ignored', () => {
  test('not acknowledged: asked for again after 10 s, and 10 s later an error with its name', () => {
    const at = start('binance', 'trades', ['BTC/USDT'], 'spot');
    at.sent();
    at.pass(9);
    expect(at.sent()).toEqual([]);
    at.pass(2);
    expect(at.sent()).toEqual(['{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":2}']);
    at.pass(8);
    expect(at.facts('silent')).toEqual([]);
    at.pass(4);
    expect(at.facts('silent')).toMatchObject([
      { symbol: 'BTC/USDT', stream: 'btcusdt@trade', reason: 'not acknowledged' },
    ]);
    expect(at.status().lastError).toContain('btcusdt@trade');
  });

  test('acknowledged, and no snapshot comes of it: the same', () => {
    const at = start('bybit', 'ticker', ['BTC/USDT:USDT'], 'linear');
    at.says(bybit.ack);
    at.sent();
    at.pass(11);
    expect(at.sent().map((text) => (JSON.parse(text) as { op: string }).op)).toEqual([
      'unsubscribe',
      'subscribe',
    ]);
    at.says('{"success":true,"ret_msg":"","req_id":"3","op":"subscribe"}');
    at.pass(12);
    expect(at.facts('silent')).toMatchObject([{ stream: 'tickers.BTCUSDT', reason: 'brings nothing' }]);
  });

  test.each([
    ['binance', 'spot', binance.ack],
    ['okx', 'public', okxAck('trades', 'BTC-USDT')],
    ['bybit', 'spot', bybit.ack],
    ['bitflyer', 'realtime', bitflyer.ack],
  ])('%s: a quiet market of trades that is acknowledged is no error, however long', (venue, name, ack) => {
    const at = start(venue, 'trades', [venue === 'bitflyer' ? 'BTC/JPY' : 'BTC/USDT'], name);
    at.says(ack);
    at.sent();
    // bitFlyer's own bound for a whole connection is ten minutes.
    at.pass(590);
    expect([
      at.facts('silent'),
      at.facts('resubscribe'),
      at.facts('reconnect'),
      at.status().lastError,
    ]).toEqual([[], [], [], null]);
    expect(at.sent().filter((text) => !/ping/.test(text))).toEqual([]);
  });

  test('frames say that it was taken, also without an acknowledgement', () => {
    const at = start('okx', 'trades', ['BTC/USDT'], 'public');
    at.pass(60, okx.trade());
    expect([at.facts('silent'), at.facts('resubscribe')]).toEqual([[], []]);
  });

  test('binance: the figures of 24 hours come every second; without them the stream is deaf', () => {
    const at = start('binance', 'ticker', ['BTC/USDT:USDT'], 'usdm-market');
    at.says(binance.ack);
    at.pass(59);
    expect(at.facts('resubscribe')).toEqual([]);
    at.pass(3);
    at.says('{"result":null,"id":3}');
    at.pass(62);
    expect(at.facts('silent')).toMatchObject([
      { connection: 'usdm-market', symbol: 'BTC/USDT:USDT', stream: 'btcusdt@ticker' },
    ]);
  });
});

describe('one symbol falls silent while others speak', () => {
  test('it is asked for again alone, and is an error until it speaks', () => {
    const at = start('okx', 'ticker', ['BTC/USDT', 'ETH/USDT'], 'public');
    at.says(okxAck('tickers', 'BTC-USDT'), okxAck('tickers', 'ETH-USDT'));
    at.pass(20, okx.ticker('BTC-USDT'), okx.ticker('ETH-USDT'));
    at.sent();
    at.pass(29, okx.ticker('BTC-USDT'));
    expect(at.facts('silent')).toEqual([]);
    at.pass(3, okx.ticker('BTC-USDT'));
    expect(at.facts('silent')).toMatchObject([{ symbol: 'ETH/USDT', stream: 'tickers:ETH-USDT' }]);
    const asked = at.sent().filter((text) => text !== 'ping');
    expect(asked).toHaveLength(2);
    for (const text of asked) expect(text).toContain('ETH-USDT');
    at.pass(3, okx.ticker('BTC-USDT'), okx.ticker('ETH-USDT'));
    expect([at.status().symbols['ETH/USDT']?.error, at.facts('silent').length]).toEqual([undefined, 1]);
    expect(at.facts('reconnect')).toEqual([]);
  });

  test('one that speaks once in five minutes is not silent after four', () => {
    const at = start('okx', 'trades', ['BTC/USDT', 'ETH/USDT'], 'public');
    const trade = (id: number, instId: string) =>
      okx.trade({ tradeId: String(id) }).replaceAll('BTC-USDT', instId);
    for (let at5 = 0; at5 < 12; at5++) {
      at.says(trade(at5, 'ETH-USDT'));
      at.pass(300, trade(1, 'BTC-USDT'));
    }
    at.pass(3_000, trade(1, 'BTC-USDT'));
    expect([at.facts('silent'), at.facts('reconnect')]).toEqual([[], []]);
  });
});

describe('a whole connection falls silent', () => {
  test('by its own rate: it is opened again, and that is called a stall', () => {
    const at = start('okx', 'ticker', ['BTC/USDT', 'ETH/USDT'], 'public');
    at.pass(20, okx.ticker('BTC-USDT'));
    at.says(okx.ticker('ETH-USDT'));
    const [source] = at.sources;
    // Pings are answered all the time.
    at.pass(30, 'pong');
    expect(source?.closes).toEqual([]);
    at.pass(2, 'pong');
    expect(source?.closes).toEqual(['at once']);
    source?.handlers.onClose(failure('closed', 'closed by us'));
    expect(at.facts('reconnect')).toMatchObject([{ connection: 'public', code: 'stall', was_up: true }]);
    expect(at.facts('reconnect')[0]?.message).toMatch(/^stalled: no data for 3\d s$/);
  });

  test('again and again: twice as long is waited each time, until it speaks', () => {
    const at = start('okx', 'ticker', ['BTC/USDT'], 'public');
    at.pass(20, okx.ticker('BTC-USDT'));
    const lives: number[] = [];
    for (let times = 0; times < 4; times++) {
      const source = at.source('public');
      const openedMs = at.clock.monoMs();
      while (source.closes.length === 0) at.pass(1, 'pong');
      lives.push(Math.round((at.clock.monoMs() - openedMs) / 1_000));
      source.handlers.onClose(failure('closed', 'closed by us'));
      while (at.source('public') === source) at.clock.advance(1_000);
      at.source('public').handlers.onOpen();
    }
    expect(lives.map((life) => Math.round(life / 10) * 10)).toEqual([30, 60, 120, 240]);
  });

  test('of quiet markets: one trade an hour is no stall after ten', () => {
    const at = start('okx', 'trades', ['BTC/USDT'], 'public');
    for (let hour = 0; hour < 5; hour++) {
      at.says(okx.trade({ tradeId: String(hour) }));
      at.pass(3_600);
    }
    at.pass(5 * 3_600);
    expect([at.facts('reconnect'), at.sources.length]).toEqual([[], 1]);
    // Twenty times its rate is too long.
    at.pass(16 * 3_600);
    expect(at.sources[0]?.closes).toEqual(['at once']);
    expect(at.facts('silent')).toEqual([]);
  }, 60_000);
});

describe('deafness is proved by REST where a market may be quiet', () => {
  const answer = (id: number): Result<RestText> =>
    ok({
      text: JSON.stringify([{ a: id, p: '1.0', q: '1', f: id, l: id, T: 1_795_219_200_000, m: true }]),
      localUs: LOCAL_US,
      url: 'https://fapi.binance.com/fapi/v1/aggTrades?symbol=BTCUSDT',
    });
  const begin = () => {
    const at = start('binance', 'trades', ['BTC/USDT:USDT'], 'usdm-market');
    at.says(binance.ack);
    at.pass(61);
    return at;
  };

  test('two answers that differ, and nothing pushed between them', async () => {
    const at = begin();
    expect(at.asks.map(({ call, priority }) => [call.method, priority])).toEqual([
      ['fapiPublicGetAggTrades', 'backfill'],
    ]);
    await at.asks[0]?.answer(answer(1));
    at.pass(61);
    expect(at.facts('silent')).toEqual([]);
    await at.asks[1]?.answer(answer(2));
    expect(at.facts('silent')).toMatchObject([
      { symbol: 'BTC/USDT:USDT', stream: 'btcusdt@aggTrade', connection: 'usdm-market' },
    ]);
    at.pass(2);
    expect(at.status().symbols['BTC/USDT:USDT']?.error).toContain('REST');
  });

  test('also of a stream that was heard too seldom for a rate of its own', async () => {
    const at = begin();
    await at.asks[0]?.answer(answer(1));
    at.says(binance.aggTrade());
    at.pass(62);
    await at.asks[1]?.answer(answer(1));
    at.pass(61);
    expect([at.asks.length, at.facts('silent')]).toEqual([3, []]);
    await at.asks[2]?.answer(answer(2));
    expect(at.facts('silent')).toMatchObject([{ symbol: 'BTC/USDT:USDT', stream: 'btcusdt@aggTrade' }]);
    expect(at.gaps()).toMatchObject([{ state: 'open', gap: { kind: 'stall', from: { id: '900001' } } }]);
  });

  test('the same answer, however often: a quiet market, asked about ever less often', async () => {
    const at = begin();
    for (let times = 0; times < 10_000; times++) {
      const waiting = at.asks.at(-1);
      await waiting?.answer(answer(1));
      at.pass(1);
    }
    expect(at.facts('silent')).toEqual([]);
    expect(at.asks.length).toBeLessThan(12);
  });

  test('a connection that was opened anew between them is no proof either', async () => {
    const at = begin();
    await at.asks[0]?.answer(answer(1));
    at.source('usdm-market').handlers.onClose(failure('ECONNRESET', 'gone'));
    at.pass(30);
    at.source('usdm-market').handlers.onOpen();
    at.says(binance.ack);
    at.pass(61);
    await at.asks[1]?.answer(answer(2));
    at.pass(10);
    expect([at.asks.length, at.facts('silent')]).toEqual([2, []]);
  });

  test('a push between them is no proof, nor is an answer that failed', async () => {
    const heard = begin();
    await heard.asks[0]?.answer(answer(1));
    heard.pass(10);
    heard.says(binance.aggTrade());
    heard.pass(50);
    expect(heard.asks).toHaveLength(1);
    heard.pass(30);
    await heard.asks[1]?.answer(answer(2));
    expect(heard.facts('silent')).toEqual([]);
    const failed = begin();
    await failed.asks[0]?.answer(err(failure('429', 'busy')));
    failed.pass(61);
    await failed.asks[1]?.answer(answer(2));
    expect(failed.facts('silent')).toEqual([]);
  });
});

describe('a connection on which the venue counts requests', () => {
  const subscribed = (leavesMs: () => number | null) => {
    const clock = manualClock();
    const said: (readonly string[])[] = [];
    const reports: string[] = [];
    const venue = venueById('okx');
    const [plan] =
      venue?.dial({
        feed: 'orderbook',
        instruments: ['BTC/USDT', 'ETH/USDT'].flatMap((symbol) => venue.locate(symbol) ?? []),
        endpoints: venue.endpoints,
        options: { depth: 200, stream: null },
      }) ?? [];
    if (venue === undefined || plan === undefined) throw new Error('no plan');
    const subscriptions = createSubscriptions(plan, {
      clock,
      feed: 'orderbook',
      request: venue.request,
      rates: createRates('orderbook'),
      say(texts) {
        said.push(texts);
        return leavesMs();
      },
      report: (type, { reason }) => reports.push(`${type} ${reason}`),
    });
    subscriptions.up();
    for (const { stream } of plan.subscriptions) subscriptions.acked(stream);
    const pass = (sec: number): void => {
      for (let s = 0; s < sec; s++) {
        clock.advance(1_000);
        for (const { stream } of plan.subscriptions) subscriptions.heard(stream);
        subscriptions.watch();
      }
    };
    return { subscriptions, said, reports, pass };
  };

  test('what waits to be sent is not said again, nor missed before it has left', () => {
    const { subscriptions, said, reports, pass } = subscribed(() => 30_000);
    expect(subscriptions.again('BTC/USDT')).toBe(true);
    pass(1);
    expect([subscriptions.again('BTC/USDT'), subscriptions.again('ETH/USDT')]).toEqual([true, true]);
    pass(28);
    expect(said.map((texts) => texts.map((text) => /BTC/.test(text)))).toEqual([
      [true, true],
      [false, false],
    ]);
    pass(2);
    subscriptions.again('BTC/USDT');
    pass(1);
    expect([said.length, reports]).toEqual([3, []]);
  });

  test('what is not sent leaves each as it was: none is asked for, none in error', () => {
    const { subscriptions, said, reports, pass } = subscribed(() => null);
    subscriptions.again('BTC/USDT');
    pass(60);
    expect([said.length, reports, subscriptions.errors().size, subscriptions.isSettled()]).toEqual([
      1,
      [],
      0,
      true,
    ]);
  });
});
