/** Gaps of a feed through its real parts: what opens one, what closes it, what is asked for meanwhile. */

import { describe, expect, test } from 'vitest';
import { err, failure, ok } from '../../src/core/result.ts';
import type { FetcherInit } from '../../src/runtime/protocol.ts';
import { NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { binanceRest, bitflyerRest, bybitRest, okxRest } from '../fixtures/answers.ts';
import { binance, bitflyer, bybit, okx } from '../fixtures/frames.ts';
import { type PlayedFeed, playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

const BTC = 'BTC/USDT';
const gone = failure('ECONNRESET', 'read ECONNRESET');
const TS = LOCAL_US / 1e6;

function start(
  venue: string,
  feed: 'trades' | 'orderbook' | 'ticker',
  more: Partial<FetcherInit> = {},
): PlayedFeed {
  const played = playFeed(venue, feed, [venue === 'bitflyer' ? 'BTC/JPY:JPY' : BTC], {}, null, more);
  played.run.credit(1_000);
  return played;
}

const open = (played: PlayedFeed, name: string): void => played.source(name).handlers.onOpen();
const frame = (played: PlayedFeed, name: string, text: string, us = LOCAL_US): void =>
  played.source(name).handlers.onFrame(text, us);
const ids = (played: PlayedFeed): readonly (string | undefined)[] => {
  played.clock.advance(50);
  return played.rows().map((row) => row.split(',')[4]);
};
/** `open sequence 3`, `closed full 3-7 2+0`: kind and newest id; repaired, both ids, rows fetched and trades missing. */
const story = (played: PlayedFeed): readonly string[] => {
  const told = new Set<string>();
  return played.gaps().flatMap((change) => {
    // A second line says what lies behind it.
    if (change.state === 'open' && told.has(change.gap.id)) return [];
    told.add(change.gap.id);
    const { kind, from } = change.gap;
    if (change.state === 'open') return `open ${kind} ${from.id ?? from.seq ?? ''}`.trim();
    const { repaired, to, backfilled, missing } = change.end;
    return `closed ${repaired} ${from.id ?? from.seq ?? ''}-${to.id ?? to.seq ?? ''} ${backfilled}+${missing}`;
  });
};
/** Until a back-fill asks for its first page. */
const wait = (played: PlayedFeed): void => played.clock.advance(3_100);
const answer = (played: PlayedFeed, at: number, text: string) => {
  if (played.asks[at] === undefined) wait(played);
  return played.asks[at]?.answer(ok({ text, localUs: LOCAL_US, url: 'https://x/' }));
};

/** Each question after the first one is answered so, for as long as it is asked again. */
const nothingMore = async (played: PlayedFeed, text: string): Promise<void> => {
  for (let sec = 0; sec < 90; sec++) {
    played.clock.advance(1_000);
    for (const { handlers } of played.sources) handlers.onSign();
    for (const ask of played.asks.slice(1))
      await ask.answer(ok({ text, localUs: LOCAL_US, url: 'https://x/' }));
  }
};

describe('trades whose ids are counted', () => {
  test('an id left out is asked for from there on, at the lowest priority, and becomes a row', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [3, 6]) frame(played, 'spot', binance.trade({ t }));
    expect(story(played)).toEqual(['open sequence 3']);
    wait(played);
    expect(played.asks).toMatchObject([
      {
        priority: 'backfill',
        call: { method: 'publicGetHistoricalTrades', params: { fromId: '4', limit: 1000 } },
      },
    ]);
    await answer(played, 0, binanceRest.trades(4, 5, 6));
    expect(ids(played)).toEqual(['3', '6', '4', '5']);
    expect(story(played)).toEqual(['open sequence 3', 'closed full 3-6 2+0']);
    expect(played.facts('gap')).toMatchObject([{ symbol: BTC, kind: 'sequence' }]);
    expect(played.facts('backfill')).toMatchObject([{ symbol: BTC, rows: 2, missing: 0, repaired: 'full' }]);
    played.clock.advance(1_000);
    expect(played.status().symbols[BTC]).toMatchObject({ backfilled: 2, missing: 0 });
  });

  test('ids that follow one another over a reconnect need no question', () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    frame(played, 'spot', binance.trade({ t: 3 }));
    played.source('spot').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'spot');
    frame(played, 'spot', binance.trade({ t: 4 }), LOCAL_US + 9);
    expect(story(played)).toEqual(['open disconnect 3', 'closed full 3-4 0+0']);
    expect(played.asks).toEqual([]);
  });

  test('what the venue does not have is missing, and told with its number', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [3, 9]) frame(played, 'spot', binance.trade({ t }));
    await answer(played, 0, binanceRest.trades(7, 8, 9));
    expect(story(played).at(-1)).toBe('closed partial 3-9 2+3');
    expect(played.gaps().at(-1)).toMatchObject({ end: { to: { id: '9', local_ts: TS } } });
  });

  test('page by page', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [3, 1_500]) frame(played, 'spot', binance.trade({ t }));
    await answer(played, 0, binanceRest.trades(...Array.from({ length: 1_000 }, (_, at) => 4 + at)));
    expect(played.asks[1]?.call.params).toMatchObject({ fromId: '1004' });
    await answer(played, 1, binanceRest.trades(...Array.from({ length: 1_000 }, (_, at) => 1_004 + at)));
    expect(story(played).at(-1)).toBe('closed full 3-1500 1496+0');
    expect(new Set(ids(played)).size).toBe(1_498);
    expect(played.asks).toHaveLength(2);
  });

  test('nothing comes after a reconnect: asked by REST once the subscription is taken', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    frame(played, 'spot', binance.trade({ t: 3 }));
    played.source('spot').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'spot');
    played.clock.advance(9_500);
    expect(played.asks).toEqual([]);
    frame(played, 'spot', '{"result":null,"id":1}');
    played.clock.advance(9_000);
    await answer(played, 0, binanceRest.trades(4));
    expect(ids(played)).toEqual(['3', '4']);
    expect(story(played)).toEqual(['open disconnect 3', 'closed full 3-4 1+0']);
  });

  describe('nothing comes after a reconnect', () => {
    const quiet = (venue: string, name: string, first: string, ack: string): PlayedFeed => {
      const played = start(venue, 'trades');
      open(played, name);
      frame(played, name, first);
      played.source(name).handlers.onClose(gone);
      played.clock.advance(2_000);
      open(played, name);
      frame(played, name, ack);
      played.clock.advance(9_000);
      expect(played.asks).toHaveLength(1);
      return played;
    };
    const OKX_ACK = '{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"}}';

    test('an id that the page leaves out is missing', async () => {
      const played = quiet('binance', 'spot', binance.trade({ t: 3 }), binance.ack);
      await answer(played, 0, binanceRest.trades(5, 6));
      expect(story(played).at(-1)).toBe('closed partial 3-6 2+1');
    });

    test('the first row behind comes before the answer: the hole ends there, and no newer trade makes up for it', async () => {
      const played = quiet('binance', 'spot', binance.trade({ t: 3 }), binance.ack);
      frame(played, 'spot', binance.trade({ t: 7 }));
      await answer(played, 0, binanceRest.trades(5, 6, 7, 8));
      expect(story(played).at(-1)).toBe('closed partial 3-7 2+1');
      expect(ids(played)).toEqual(['3', '7', '5', '6']);
    });

    test('OKX: the newest page was behind the stream: what lies between is asked for', async () => {
      const played = quiet('okx', 'public', okx.trade({ tradeId: '10' }), OKX_ACK);
      frame(played, 'public', okx.trade({ tradeId: '15' }));
      await answer(played, 0, okxRest.trades(12, 11, 10));
      expect(story(played)).toEqual(['open disconnect 10']);
      await answer(played, 1, okxRest.trades(14, 12, 11));
      expect(played.asks[1]?.call.params).toMatchObject({ after: '15' });
      expect(ids(played)).toEqual(['10', '15', '11', '12', '14']);
      expect(story(played).at(-1)).toBe('closed partial 10-15 3+1');
    });

    test('bitFlyer: the same; where that cannot be had, all up to the row behind is told', async () => {
      const ack = bitflyer.ack;
      const first = bitflyer.executions(bitflyer.execution(10));
      const played = quiet('bitflyer', 'realtime', first, ack);
      frame(played, 'realtime', bitflyer.executions(bitflyer.execution(30)));
      await answer(played, 0, bitflyerRest.executions(20, 10));
      await nothingMore(played, '[]');
      expect(story(played).at(-1)).toBe('closed partial 10-30 1+null');
    });

    test('what was had of it is where the next gap would begin, not where the missing part ends', async () => {
      const played = quiet('okx', 'public', okx.trade({ tradeId: '10' }), OKX_ACK);
      await answer(played, 0, okxRest.trades(20, 19, 18));
      await nothingMore(played, okxRest.trades());
      expect(story(played).at(-1)).toBe('closed partial 10-18 3+7');
      frame(played, 'public', okx.trade({ tradeId: '21' }));
      expect(played.gaps().at(-1)?.state).toBe('closed');
    });

    test('lost again while it is asked for: what was had is not fetched, nor doubled, for the next gap', async () => {
      const played = quiet('binance', 'spot', binance.trade({ t: 3 }), binance.ack);
      played.source('spot').handlers.onClose(gone);
      await answer(played, 0, binanceRest.trades(4, 5, 6));
      expect(story(played).at(-1)).toBe('closed full 3-6 3+0');
      played.clock.advance(2_000);
      open(played, 'spot');
      frame(played, 'spot', binance.trade({ t: 9 }));
      await answer(played, 1, binanceRest.trades(7, 8, 9));
      expect(played.asks[1]?.call.params).toMatchObject({ fromId: '7' });
      expect(ids(played)).toEqual(['3', '4', '5', '6', '9', '7', '8']);
      expect(story(played).at(-1)).toBe('closed full 3-9 2+0');
    });

    test('Bybit: what the newest page had is not asked of the next one', async () => {
      const played = quiet('bybit', 'spot', bybit.trades({ i: 'a' }), bybit.ack);
      frame(played, 'spot', bybit.trades({ i: 'd', T: 1795219200200 }));
      await answer(played, 0, bybitRest.trades('b', 'a'));
      played.clock.advance(5_000);
      await answer(played, 1, bybitRest.trades('d', 'c', 'b'));
      expect(ids(played)).toEqual(['a', 'd', 'b', 'c']);
      expect(story(played).at(-1)).toBe('closed full a-d 2+0');
    });

    test('Bybit: what lies between two pages is told as missing, up to the second', async () => {
      const played = quiet('bybit', 'spot', bybit.trades({ i: 'a' }), bybit.ack);
      frame(played, 'spot', bybit.trades({ i: 'z', T: 1795219200200 }));
      await answer(played, 0, bybitRest.trades('c', 'b', 'a'));
      played.clock.advance(5_000);
      await answer(played, 1, bybitRest.trades('z', 'y', 'x'));
      expect(ids(played)).toEqual(['a', 'z', 'b', 'c', 'x', 'y']);
      expect(story(played).at(-1)).toBe('closed partial a-x 4+null');
    });

    test('Bybit: a second page that brings nothing new does not say that nothing was missing', async () => {
      const played = quiet('bybit', 'spot', bybit.trades({ i: 'a' }), bybit.ack);
      frame(played, 'spot', bybit.trades({ i: 'd', T: 1795219200200 }));
      await answer(played, 0, bybitRest.trades('c', 'b', 'a'));
      played.clock.advance(5_000);
      await answer(played, 1, bybitRest.trades('d', 'c', 'b', 'a'));
      expect(story(played).at(-1)).toBe('closed full a-d 2+0');
      const [change] = played.gaps().slice(-1);
      expect(change?.state === 'closed' && change.end.how).toBe('the newest page of trades');
    });
  });

  test('lost again before it is known what lies behind: a gap of its own follows', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    frame(played, 'spot', binance.trade({ t: 3 }));
    played.source('spot').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'spot');
    frame(played, 'spot', '{"result":null,"id":1}');
    played.clock.advance(9_000);
    expect(played.asks).toHaveLength(1);
    played.source('spot').handlers.onClose(gone);
    await answer(played, 0, binanceRest.trades());
    expect(story(played)).toEqual(['open disconnect 3', 'open disconnect 3', 'closed full 3-3 0+0']);
  });

  test('a question that fails is asked again; one that never can be answered is not', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [3, 5]) frame(played, 'spot', binance.trade({ t }));
    wait(played);
    await played.asks[0]?.answer(err(failure('ETIMEDOUT', 'no answer')));
    expect(story(played)).toEqual(['open sequence 3']);
    played.clock.advance(6_000);
    expect(played.asks).toHaveLength(2);
    await played.asks[1]?.answer(err(failure('unknown_endpoint', 'none', 'never')));
    expect(story(played).at(-1)).toBe('closed none 3-5 0+1');
  });

  test('an answer that breaks off is asked for again', async () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [3, 5]) frame(played, 'spot', binance.trade({ t }));
    const whole = binanceRest.trades(4, 5);
    await answer(played, 0, whole.slice(0, whole.length / 2));
    expect(story(played)).toEqual(['open sequence 3']);
    played.clock.advance(6_000);
    await answer(played, 1, whole);
    expect(story(played).at(-1)).toBe('closed full 3-5 1+0');
  });

  test('an older trade that comes late closes nothing and opens nothing', () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    for (const t of [5, 4, 6]) frame(played, 'spot', binance.trade({ t }));
    expect([ids(played), story(played)]).toEqual([['5', '4', '6'], []]);
  });

  test('a fill of several executions counts all of them', () => {
    const played = start('okx', 'trades');
    open(played, 'public');
    frame(played, 'public', okx.trade({ tradeId: '5', count: '1' }));
    frame(played, 'public', okx.trade({ tradeId: '8', count: '3' }));
    expect(story(played)).toEqual([]);
    frame(played, 'public', okx.trade({ tradeId: '12', count: '2' }));
    expect(story(played)).toEqual(['open sequence 8']);
    wait(played);
    expect(played.asks[0]?.call).toMatchObject({
      method: 'publicGetMarketHistoryTrades',
      params: { after: '11' },
    });
  });

  test.each([1_600, 1_000_000])('and of %i of them', (count) => {
    const played = start('okx', 'trades');
    open(played, 'public');
    const say = (tradeId: number, more: object = {}): void =>
      frame(played, 'public', okx.trade({ tradeId: String(tradeId), ...more }));
    say(100);
    say(100 + count, { count: String(count) });
    expect(story(played)).toEqual([]);
    say(102 + 2 * count, { count: String(count) });
    expect(story(played)).toEqual([`open sequence ${100 + count}`]);
    wait(played);
    expect(played.asks[0]?.call).toMatchObject({ params: { after: String(103 + count) } });
    expect(played.gaps().at(-1)).toMatchObject({ to: { first_id: String(103 + count) } });
  });
});

describe('trades whose ids are not', () => {
  test('bitFlyer: pages downwards from the first behind, until the last before', async () => {
    const played = start('bitflyer', 'trades');
    open(played, 'realtime');
    frame(played, 'realtime', bitflyer.executions(bitflyer.execution(10)));
    played.source('realtime').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'realtime');
    frame(played, 'realtime', bitflyer.executions(bitflyer.execution(30)));
    wait(played);
    expect(played.asks[0]?.call.params).toMatchObject({ before: '30' });
    await answer(played, 0, bitflyerRest.executions(25, 20));
    expect(played.asks[1]?.call.params).toMatchObject({ before: '20' });
    await answer(played, 1, bitflyerRest.executions(15, 10));
    expect(ids(played)).toEqual(['10', '30', '20', '25', '15']);
    expect(story(played)).toEqual(['open disconnect 10', 'closed full 10-30 3+0']);
  });

  test('where pages end before the last trade is reached, the rest is told as narrowly as is known', async () => {
    const played = start('bitflyer', 'trades');
    open(played, 'realtime');
    frame(played, 'realtime', bitflyer.executions(bitflyer.execution(10)));
    played.source('realtime').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'realtime');
    frame(played, 'realtime', bitflyer.executions(bitflyer.execution(30)));
    await answer(played, 0, bitflyerRest.executions(25, 20));
    await nothingMore(played, '[]');
    expect(story(played).at(-1)).toBe('closed partial 10-20 2+null');
  });

  test('Bybit: only its newest page can be had; a refused frame makes it be asked for', async () => {
    const played = start('bybit', 'trades');
    open(played, 'spot');
    frame(played, 'spot', bybit.trades({ i: '100' }));
    frame(played, 'spot', '{"topic":"publicTrade.BTCUSDT"');
    expect(story(played)).toEqual(['open sequence 100']);
    frame(played, 'spot', bybit.trades({ i: '300' }));
    wait(played);
    expect(played.asks[0]?.call.method).toBe('publicGetV5MarketRecentTrade');
  });
});

describe('the stream comes back between two polls that stand in for it', () => {
  const SPOT = 'spot';
  const name = (id: number): string => `a${id}`;
  const page = (from: number, to: number): string =>
    bybitRest.trades(...Array.from({ length: to - from + 1 }, (_, at) => name(to - at)));
  const polls = (played: PlayedFeed) => played.asks.filter(({ priority }) => priority === 'poll');
  const fills = (played: PlayedFeed) => played.asks.filter(({ priority }) => priority === 'backfill');
  const say = (played: PlayedFeed, text: string) =>
    ok({ text, localUs: played.clock.wallUs(), url: 'https://x/' });

  /** Polled up to trade 50; then the stream is open again, and brings those from 80 on. */
  const back = async (): Promise<PlayedFeed> => {
    const played = start('bybit', 'trades', { fallback: { afterMs: 5_000, backMs: 10_000 } });
    open(played, SPOT);
    for (let id = 30; id <= 40; id++) frame(played, SPOT, bybit.trades({ i: name(id) }));
    played.source(SPOT).handlers.onClose(gone);
    played.clock.advance(5_500);
    await polls(played)[0]?.answer(say(played, page(30, 50)));
    played.clock.advance(600);
    await fills(played)[0]?.answer(say(played, page(30, 50)));
    expect(story(played)).toEqual(['open disconnect a40', 'closed full a40-a41 0+0']);
    open(played, SPOT);
    frame(played, SPOT, bybit.ack);
    for (let id = 80; id <= 119; id++) frame(played, SPOT, bybit.trades({ i: name(id) }));
    played.clock.advance(2_000);
    return played;
  };

  test('a page that reaches the stream’s trades, but not those polled before, leaves a gap', async () => {
    const played = await back();
    await polls(played)[1]?.answer(say(played, page(60, 119)));
    played.clock.advance(600);
    await fills(played)[1]?.answer(say(played, page(60, 120)));
    expect(story(played).slice(2)).toEqual(['open sequence a50', 'closed none a50-a60 0+null']);
  });

  test('also where the stream is lost once more, which has a gap of its own', async () => {
    const played = await back();
    played.source(SPOT).handlers.onClose(gone);
    await polls(played)[1]?.answer(say(played, page(60, 120)));
    played.clock.advance(600);
    for (const fill of fills(played).slice(1)) await fill.answer(say(played, page(60, 120)));
    for (const fill of fills(played).slice(2)) await fill.answer(say(played, page(60, 120)));
    const told = story(played).slice(2);
    expect(told.slice(0, 2)).toEqual(['open disconnect a119', 'open sequence a50']);
    expect(told.slice(2).sort()).toEqual(['closed full a119-a60 0+0', 'closed none a50-a60 0+null']);
  });

  test('one that reaches those polled before leaves none', async () => {
    const played = await back();
    await polls(played)[1]?.answer(say(played, page(50, 119)));
    expect(story(played)).toHaveLength(2);
    expect(new Set(ids(played)).size).toBe(90);
  });
});

describe('books', () => {
  test('a break is open until the new snapshot', () => {
    const played = start('bybit', 'orderbook');
    open(played, 'spot');
    for (const [kind, u] of [
      ['snapshot', 10],
      ['delta', 11],
      ['delta', 13],
      ['delta', 14],
    ] as const)
      frame(played, 'spot', bybit.book(kind, u));
    expect(story(played)).toEqual(['open sequence 11']);
    frame(played, 'spot', bybit.book('snapshot', 20));
    frame(played, 'spot', bybit.book('delta', 21));
    expect(story(played)).toEqual(['open sequence 11', 'closed partial 11-20 0+null']);
  });

  test('a snapshot that the venue sends on its own is a gap that has ended', () => {
    const played = start('bybit', 'orderbook');
    open(played, 'spot');
    frame(played, 'spot', bybit.book('snapshot', 10));
    frame(played, 'spot', bybit.book('delta', 11));
    frame(played, 'spot', bybit.book('snapshot', 1));
    expect(story(played)).toEqual(['open sequence 11', 'closed partial 11-1 0+null']);
  });

  describe('one stream of several was silent', () => {
    /** Both streams speak each second for a minute, then the first one alone for so long. */
    const silence = (played: PlayedFeed, first: () => void, second: () => void): void => {
      for (let sec = 0; sec < 105; sec++) {
        played.clock.advance(1_000);
        first();
        if (sec < 60) second();
      }
      expect(played.facts('silent')).toHaveLength(1);
    };

    const eth = (text: string): string => text.replaceAll('BTC', 'ETH').replaceAll('btc', 'eth');
    const twoBooks = async () => {
      const played = playFeed('binance', 'orderbook', [BTC, 'ETH/USDT']);
      played.run.credit(1_000);
      open(played, 'spot');
      let [one, two] = [10, 10];
      const btc = (): void => frame(played, 'spot', binance.depth(++one, one), played.clock.wallUs());
      const other = (skip = 0): void => {
        two += 1 + skip;
        frame(played, 'spot', eth(binance.depth(two, two)), played.clock.wallUs());
      };
      btc();
      other();
      for (const ask of played.asks)
        await ask.answer(ok({ text: binance.depthAnswer(10), localUs: LOCAL_US, url: 'https://x/' }));
      silence(played, btc, other);
      expect(story(played)).toEqual(['open stall 71']);
      return { played, other };
    };

    test('it goes on where it was: its numbers say that nothing is missing', async () => {
      const { played, other } = await twoBooks();
      other();
      expect(story(played).at(-1)).toBe('closed full 71-72 0+0');
    });

    test('it goes on elsewhere: open until the new snapshot', async () => {
      const { played, other } = await twoBooks();
      other(1);
      other();
      expect(story(played)).toEqual(['open stall 71']);
      expect(played.facts('resync')).toMatchObject([{ symbol: 'ETH/USDT' }]);
    });

    test('bitFlyer: its own count tells nothing, a pushed snapshot that it is held against does', () => {
      const played = start('bitflyer', 'orderbook');
      open(played, 'realtime');
      const { level, board, snapshot } = bitflyer;
      const say = (text: string): void =>
        frame(played, 'realtime', text.replaceAll('BTC_JPY', 'FX_BTC_JPY'), played.clock.wallUs());
      const sides = [level('100.0', '1.0'), level('101.0', '1.0')] as const;
      const push = (): void => say(snapshot(...sides));
      const change = (): void => say(board(level('100.0', '1.0'), ''));
      push();
      silence(played, push, change);
      expect(story(played)).toEqual(['open stall 60', 'closed partial 60-60 0+null']);
    });
  });

  test('our own at the beginning of a file is none', () => {
    const played = start('bybit', 'orderbook');
    open(played, 'spot');
    frame(played, 'spot', bybit.book('snapshot', 10));
    frame(played, 'spot', bybit.book('delta', 11));
    played.run.rotate(BTC);
    frame(played, 'spot', bybit.book('delta', 12));
    expect(story(played)).toEqual([]);
  });

  test('a disconnect after which the book is as it was lost nothing', () => {
    const played = start('bybit', 'orderbook');
    open(played, 'spot');
    frame(played, 'spot', bybit.book('snapshot', 10));
    played.source('spot').handlers.onClose(gone);
    played.clock.advance(2_000);
    open(played, 'spot');
    frame(played, 'spot', bybit.book('snapshot', 10));
    expect(story(played)).toEqual(['open disconnect 10', 'closed full 10-10 0+0']);
  });
});

describe('what an earlier run left', () => {
  const last = { id: '3', local_ts: TS - 60 };

  test('our own downtime is a gap from the newest row of the file', async () => {
    const played = start('binance', 'trades', {
      left: {
        seen: { [BTC]: ['2', '3'] },
        last: { [BTC]: last },
        open: [],
        because: 'the collector was not running',
      },
    });
    expect(played.gaps()).toMatchObject([
      { state: 'open', gap: { kind: 'downtime', from: last, reason: 'the collector was not running' } },
    ]);
    open(played, 'spot');
    frame(played, 'spot', binance.trade({ t: 6 }));
    await answer(played, 0, binanceRest.trades(4, 5, 6));
    expect(ids(played)).toEqual(['6', '4', '5']);
    expect(story(played).at(-1)).toBe('closed full 3-6 2+0');
  });

  test('a gap that it left open is filled between the rows that stand there', async () => {
    const gap = {
      id: 'old',
      venue: 'binance',
      feed: 'trades',
      symbol: BTC,
      kind: 'disconnect',
      reason: '',
      from: { id: '1' },
    } as const;
    const played = start('binance', 'trades', {
      left: { ...NOTHING_LEFT, seen: { [BTC]: ['1', '3'] }, last: { [BTC]: last }, open: [{ gap }] },
    });
    expect(story(played)).toEqual(['open downtime 3']);
    await answer(played, 0, binanceRest.trades(2, 3, 4));
    expect(story(played).at(-1)).toBe('closed full 1-3 1+0');
    expect(ids(played)).toEqual(['2']);
  });

  test('one whose beginning the file does not show any more is ended, not fetched: it could be doubled', () => {
    const gap = {
      id: 'old',
      venue: 'binance',
      feed: 'trades',
      symbol: BTC,
      kind: 'disconnect',
      reason: '',
      from: { id: '1' },
    } as const;
    const played = start('binance', 'trades', {
      left: { ...NOTHING_LEFT, seen: { [BTC]: ['7', '8'] }, last: { [BTC]: { id: '8' } }, open: [{ gap }] },
    });
    expect(story(played)).toEqual(['closed none 1-7 0+null', 'open downtime 8']);
    expect(played.asks).toEqual([]);
  });

  describe('of a back-fill that was under way', () => {
    const gap = (venue: string, symbol: string, id: string) =>
      ({ id: 'old', venue, feed: 'trades', symbol, kind: 'disconnect', reason: '', from: { id } }) as const;
    const times = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, at) => String(from + at));

    test('fetched rows stand behind newer ones: it goes on where it was, and nothing is doubled', async () => {
      const seen = ['100', ...times(3_000, 3_499), ...times(101, 1_100)];
      const open = [{ gap: gap('binance', BTC, '100'), to: { id: '3000' } }];
      const played = start('binance', 'trades', {
        left: { ...NOTHING_LEFT, seen: { [BTC]: seen }, last: { [BTC]: { id: '3499' } }, open },
      });
      expect(story(played)).toEqual(['open downtime 3499']);
      wait(played);
      expect(played.asks[0]?.call.params).toMatchObject({ fromId: '1101' });
      await answer(played, 0, binanceRest.trades(...times(1_101, 2_100).map(Number)));
      await answer(played, 1, binanceRest.trades(...times(2_101, 3_100).map(Number)));
      expect(ids(played)).toEqual(times(1_101, 2_999));
      expect(story(played).at(-1)).toBe('closed full 100-3000 1899+0');
    });

    test('downwards: between the row before and the oldest that was fetched', async () => {
      const FX = 'BTC/JPY:JPY';
      const open = [{ gap: gap('bitflyer', FX, '10'), to: { id: '30' } }];
      const played = start('bitflyer', 'trades', {
        left: {
          ...NOTHING_LEFT,
          seen: { [FX]: ['10', '30', '25', '20'] },
          last: { [FX]: { id: '30' } },
          open,
        },
      });
      wait(played);
      expect(played.asks[0]?.call.params).toMatchObject({ before: '20' });
    });

    test('OKX: single fills of a row that stands for several are no rows again', async () => {
      const open = [{ gap: gap('okx', BTC, '100'), to: { id: '110', first_id: '106' } }];
      const played = start('okx', 'trades', {
        left: { ...NOTHING_LEFT, seen: { [BTC]: ['100', '110'] }, last: { [BTC]: { id: '110' } }, open },
      });
      wait(played);
      expect(played.asks[0]?.call.params).toMatchObject({ after: '106' });
      await answer(played, 0, okxRest.trades(105, 104, 103, 102, 101, 100));
      expect(ids(played)).toEqual(['101', '102', '103', '104', '105']);
      expect(story(played).at(-1)).toBe('closed full 100-110 5+0');
    });

    test('polled fills that the file may have within a row are none', async () => {
      const left = { ...NOTHING_LEFT, seen: { [BTC]: ['110'] }, last: { [BTC]: { id: '110' } } };
      const played = playFeed('okx', 'trades', [BTC], {}, null, { transport: 'rest', left });
      played.run.credit(100);
      played.clock.advance(10);
      await answer(played, 0, okxRest.trades(112, 111, 110, 109, 108));
      expect(ids(played)).toEqual(['111', '112']);
    });
  });

  test('a symbol without a row has no gap, and a connection that is lost before its first row neither', () => {
    const played = start('binance', 'trades');
    open(played, 'spot');
    played.source('spot').handlers.onClose(gone);
    expect(story(played)).toEqual([]);
  });

  test('tickers: from the newest row to the next one', () => {
    const played = start('okx', 'ticker', {
      left: { ...NOTHING_LEFT, last: { [BTC]: { local_ts: TS - 60 } } },
    });
    open(played, 'public');
    frame(played, 'public', okx.ticker('BTC-USDT'));
    expect(played.gaps()).toMatchObject([
      { state: 'open', gap: { kind: 'downtime' } },
      { state: 'closed', end: { to: { local_ts: TS }, repaired: 'none' } },
    ]);
  });
});

test('a page that the full queue does not take is asked for again', async () => {
  const played = playFeed('binance', 'trades', [BTC], { queueBytes: 200, batchEvents: 1 });
  open(played, 'spot');
  for (const t of [3, 9]) frame(played, 'spot', binance.trade({ t }));
  wait(played);
  await answer(played, 0, binanceRest.trades(4, 5, 6, 7, 8, 9));
  expect(story(played).filter((line) => line.startsWith('closed'))).toEqual([]);
  played.run.credit(1_000);
  frame(played, 'spot', binance.trade({ t: 10 }));
  for (let at = 1; at < 8; at++) {
    played.clock.advance(6_000);
    await played.asks[at]?.answer(
      ok({ text: binanceRest.trades(4, 5, 6, 7, 8, 9, 10), localUs: LOCAL_US, url: 'u' }),
    );
  }
  expect([...ids(played)].map(Number).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  expect(story(played).at(-1)).toMatch(/^closed full /);
});

test('a flood of refused frames is one gap at a time, and one question', () => {
  const played = start('bybit', 'trades');
  open(played, 'spot');
  frame(played, 'spot', bybit.trades({ i: 'a0' }));
  for (let at = 1; at < 5_000; at++) {
    frame(played, 'spot', 'nonsense');
    frame(played, 'spot', bybit.trades({ i: `a${at}` }), LOCAL_US + at);
  }
  expect(played.status === undefined).toBe(false);
  wait(played);
  expect(played.asks.length).toBeLessThan(3);
  expect(played.gaps().length).toBeLessThan(8);
});

test('an event that the full queue did not take can be fetched later', async () => {
  const played = playFeed('binance', 'trades', [BTC], { queueBytes: 200, batchEvents: 1 });
  open(played, 'spot');
  for (const t of [3, 4, 5, 6, 7]) frame(played, 'spot', binance.trade({ t }));
  expect(story(played)[0]).toMatch(/^open overflow /);
  const had = played.rows().length;
  expect(had).toBeLessThan(5);
  played.run.credit(1_000);
  played.clock.advance(100);
  frame(played, 'spot', binance.trade({ t: 8 }));
  await answer(played, 0, binanceRest.trades(4, 5, 6, 7, 8));
  expect([...ids(played)].map(Number).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8]);
  expect(story(played).at(-1)).toMatch(/^closed full /);
});

test('a bitFlyer book that was wrong is missing since it was last right', () => {
  const played = start('bitflyer', 'orderbook');
  open(played, 'realtime');
  const { level, board, snapshot } = bitflyer;
  const say = (text: string, sec: number): void =>
    frame(played, 'realtime', channelled(text), LOCAL_US + sec * 1e6);
  const channelled = (text: string): string => text.replaceAll('BTC_JPY', 'FX_BTC_JPY');
  const asks = level('102.0', '1.0');
  say(snapshot(level('100.0', '1.0'), asks), 0);
  // Held against the next one, it is right.
  say(snapshot(level('100.0', '1.0'), asks), 5);
  say(board('', level('103.0', '1.0')), 10);
  // Lost: 100.0 went. What comes is applied to a book that is wrong.
  say(board('', level('104.0', '1.0')), 12);
  for (const sec of [14, 19])
    say(snapshot(level('99.0', '1.0'), `${asks},${level('103.0', '1.0')},${level('104.0', '1.0')}`), sec);
  say(board('', level('105.0', '1.0')), 25);
  const [opened] = played.gaps();
  expect(opened?.gap).toMatchObject({ kind: 'drift', from: { local_ts: TS } });
});
