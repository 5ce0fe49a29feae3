/** When a venue's clock is asked for, and what is made of the answers. */

import { describe, expect, test } from 'vitest';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestCall } from '../../src/core/venue.ts';
import type { Fact, Priority } from '../../src/runtime/protocol.ts';
import type { TimedText } from '../../src/runtime/rest.ts';
import { createVenueClock } from '../../src/runtime/venue-clock.ts';
import { venueById } from '../../src/venues/index.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';

type Answer = (call: RestCall, nowUs: number) => Result<TimedText>;

/** An answer that took `wayMs`, its time read at half of the way. */
function timed(text: string, nowUs: number, wayMs: number, date: string | null = null): Result<TimedText> {
  return ok({ text, url: '', localUs: nowUs + 1_000, sentUs: nowUs - wayMs * 1_000, headUs: nowUs, date });
}

/** Binance's clock `aheadMs` ahead of ours. */
const binance =
  (aheadMs: number, ways: readonly number[]): Answer =>
  (_, nowUs) => {
    const wayMs = ways[0] ?? 40;
    ways = ways.slice(1);
    return timed(`{"serverTime":${nowUs / 1_000 - wayMs / 2 + aheadMs}}`, nowUs, wayMs);
  };

function clockOf(id: string, symbol: string, answer: Answer) {
  const venue = venueById(id);
  const located = venue?.locate(symbol);
  if (venue === undefined || !located) throw new Error(`no ${id} ${symbol}`);
  const clock = manualClock();
  const calls: { readonly method: string; readonly priority: Priority; readonly atMs: number }[] = [];
  const facts: Fact[] = [];
  const played = { answer };
  const own = createVenueClock({
    venue,
    located: [located],
    options: { depth: 200, stream: null },
    clock,
    async ask(call, priority) {
      calls.push({ method: call.method, priority, atMs: clock.monoMs() });
      return played.answer(call, clock.wallUs());
    },
    note: (fact) => facts.push(fact),
  });
  const settle = () => new Promise(setImmediate);
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  return { own, clock, calls, facts, played, pass, settle };
}

describe('a venue’s clock', () => {
  test('is asked for thrice at the start, then thrice each 10 minutes, at the lowest priority', async () => {
    const { own, calls, pass, settle } = clockOf('binance', 'BTC/USDT', binance(0, []));
    expect(own.status()).toEqual({ clock_offset_ms: null, clock_uncertainty_ms: null, clock_ts: null });
    await own.begin();
    expect(calls[0]).toEqual({ method: 'publicGetTime', priority: 'backfill', atMs: 0 });
    await settle();
    expect(calls).toHaveLength(3);
    for (let at = 0; at < 119; at++) await pass(10_000);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 600_000, 600_000, 600_000]);
    await pass(10_000);
    expect(calls).toHaveLength(9);
    expect(new Set(calls.map(({ priority }) => priority))).toEqual(new Set(['backfill']));
    own.stop();
    await pass(3_600_000);
    expect(calls).toHaveLength(9);
  });

  test('is what the answer with the shortest way says; each measurement is by itself', async () => {
    const { own, played, pass, settle } = clockOf('binance', 'BTC/USDT', binance(2_300, [500, 40, 90]));
    await own.begin();
    expect(own.status()).toMatchObject({ clock_offset_ms: 2_300.5, clock_uncertainty_ms: 250.5 });
    await settle();
    expect(own.status()).toEqual({
      clock_offset_ms: 2_300.5,
      clock_uncertainty_ms: 20.5,
      clock_ts: CLOCK_START_US / 1e6,
    });
    played.answer = binance(-1_000, [100, 100, 100]);
    for (let at = 0; at < 60; at++) await pass(10_000);
    expect(own.status()).toMatchObject({
      clock_offset_ms: -999.5,
      clock_uncertainty_ms: 50.5,
      clock_ts: CLOCK_START_US / 1e6 + 600,
    });
  });

  test.each([
    ['binance', 'BTC/USDT:USDT', 'fapiPublicGetTime', '{"serverTime":1795219201500}'],
    [
      'bybit',
      'BTC/USDT',
      'publicGetV5MarketTime',
      '{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1795219201","timeNano":"1795219201500123456"},"time":1}',
    ],
    ['okx', 'BTC/USDT', 'publicGetPublicTime', '{"code":"0","msg":"","data":[{"ts":"1795219201500"}]}'],
  ])('of %s %s is told by %s', async (id, symbol, method, body) => {
    const { own, calls, settle } = clockOf(id, symbol, (_, nowUs) => timed(body, nowUs, 0));
    await own.begin();
    await settle();
    expect(calls[0]?.method).toBe(method);
    expect(own.status().clock_offset_ms).toBeCloseTo(1_500.5, 0);
  });

  test('where there is no such call, is told by the Date of any answer, to a part of a second', async () => {
    const date = (call: RestCall, nowUs: number): Result<TimedText> =>
      timed(call.method, nowUs, 20, new Date(Math.floor((nowUs / 1e6 + 3.3) * 1_000)).toUTCString());
    const { own, calls, clock, settle } = clockOf('bitflyer', 'BTC/JPY', date);
    clock.advance(650);
    const seen = date({ method: '' } as RestCall, clock.wallUs());
    if (seen.ok) own.saw(seen.value);
    clock.advance(300);
    await own.begin();
    await settle();
    expect(new Set(calls.map(({ method }) => method))).toEqual(new Set(['publicGetGetmarkets']));
    const { clock_offset_ms: offset, clock_uncertainty_ms: uncertainty } = own.status();
    // Its second turned after the first look and before the others, 0.3 s later and 20 ms under way.
    expect([offset, uncertainty]).toEqual([3_210, 160]);
  });

  test('of many tries that came before, only the newest Dates are kept', async () => {
    const { own, clock, settle } = clockOf('bitflyer', 'BTC/JPY', () => err(failure('E', 'no')));
    const saw = (wayMs: number, aheadMs: number): void => {
      const date = new Date(Math.floor(clock.wallUs() / 1_000 + aheadMs)).toUTCString();
      const seen = timed('', clock.wallUs(), wayMs, date);
      if (seen.ok) own.saw(seen.value);
    };
    // The shortest way of all, of a time when the clocks were an hour apart.
    saw(10, 3_600_000);
    for (let at = 0; at < 100; at++) {
      clock.advance(60_000);
      saw(20, 0);
    }
    await own.begin();
    await settle();
    expect(own.status()).toMatchObject({ clock_offset_ms: 510, clock_uncertainty_ms: 510 });
  });

  test('the Date of a cache counts for nothing beside the venue’s own word', async () => {
    const { own, clock, settle } = clockOf('okx', 'BTC/USDT', (_, nowUs) => {
      const date = new Date((CLOCK_START_US + 1_000_000) / 1_000).toUTCString();
      return timed(`{"code":"0","data":[{"ts":"${nowUs / 1_000 - 20}"}]}`, nowUs, 40, date);
    });
    // Its second has turned 10 ms too early.
    clock.advance(990);
    await own.begin();
    await settle();
    expect(own.status()).toMatchObject({ clock_offset_ms: 0.5, clock_uncertainty_ms: 20.5 });
  });

  test('that cannot be had is noted once for each reason; what was known stays, with its time', async () => {
    const good = binance(700, []);
    const { own, played, facts, pass, settle } = clockOf('binance', 'BTC/USDT', good);
    await own.begin();
    await settle();
    const known = own.status();
    played.answer = () => err(failure('ETIMEDOUT', 'no whole answer'));
    for (let at = 0; at < 180; at++) await pass(10_000);
    expect(own.status()).toEqual(known);
    expect(facts).toEqual([
      { type: 'clock_failed', scope: 'binance', code: 'ETIMEDOUT', message: 'no whole answer' },
    ]);
    played.answer = (_, nowUs) => timed('<html>', nowUs, 1);
    for (let at = 0; at < 60; at++) await pass(10_000);
    expect(facts.map(({ code }) => code)).toEqual(['ETIMEDOUT', 'not_json']);
    played.answer = good;
    for (let at = 0; at < 60; at++) await pass(10_000);
    played.answer = () => err(failure('ETIMEDOUT', 'no whole answer'));
    for (let at = 0; at < 60; at++) await pass(10_000);
    expect(facts).toHaveLength(3);
  });

  test('is void when ours is set, and measured anew within 10 s', async () => {
    const { own, clock, calls, played, pass, settle } = clockOf('binance', 'BTC/USDT', binance(2_300, []));
    await own.begin();
    await settle();
    clock.stepWall(clock.wallUs() + 2_300_000);
    const waiting: ((result: Result<TimedText>) => void)[] = [];
    const later = new Promise<Result<TimedText>>((resolve) => waiting.push(resolve));
    played.answer = () => later as unknown as Result<TimedText>;
    await pass(10_000);
    expect([calls.length, own.status().clock_offset_ms]).toEqual([4, null]);
    played.answer = binance(0, []);
    waiting[0]?.(binance(0, [])({} as RestCall, clock.wallUs()));
    await settle();
    expect([calls.length, own.status().clock_offset_ms]).toEqual([6, 0.5]);
  });
});
