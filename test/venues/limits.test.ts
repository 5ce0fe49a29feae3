/** How each venue says "too much", and what follows: from its answers to a verdict. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestAnswer } from '../../src/core/venue.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';

/** 2026-11-21T12:00:20.500Z */
const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 20, 500);
const DATE = (ms: number) => new Date(ms).toUTCString();

function judge(venue: string, answer: Partial<RestAnswer>) {
  const found = venueById(venue);
  if (found === undefined) throw new Error(`no venue ${venue}`);
  return found.rest.judge({
    status: 200,
    code: null,
    headers: {},
    text: '',
    nowUs: NOW_MS * 1000,
    ...answer,
  });
}

const banned = (untilMs: number) =>
  `{"code":-1003,"msg":"Way too much request weight used; IP banned until ${untilMs}. Please use WebSocket Streams for live updates to avoid bans."}`;

describe('what each venue means', () => {
  it.each([
    // Named times are obeyed, whatever else was said.
    ['binance', { status: 429, code: '-1003', headers: { 'retry-after': '7' } }, [429, 7_000, true, 'pause']],
    ['binance', { status: 429, code: '-1003' }, [429, 60_000, false, 'pause']],
    ['binance', { status: 400, code: '-1003' }, [429, 60_000, false, 'pause']],
    ['binance', { status: 418, headers: { 'retry-after': '7200' } }, [418, 7_200_000, true, 'ban']],
    ['binance', { status: 418, text: banned(NOW_MS + 90_000) }, [418, 90_250, true, 'ban']],
    // The later of the two.
    [
      'binance',
      { status: 418, headers: { 'retry-after': '120' }, text: banned(NOW_MS + 90_000) },
      [418, 120_000, true, 'ban'],
    ],
    [
      'binance',
      { status: 418, headers: { 'retry-after': '60' }, text: banned(NOW_MS + 90_000) },
      [418, 90_250, true, 'ban'],
    ],
    ['binance', { status: 429, code: '-1003', text: banned(NOW_MS + 9_000) }, [429, 9_250, true, 'ban']],
    ['binance', { status: 418, text: banned(NOW_MS - 1) }, [418, 120_000, false, 'ban']],
    ['binance', { status: 403, text: '<html>' }, [403, 300_000, false, 'ban']],
    ['bybit', { code: '10006' }, [429, 5_000, false, 'pause']],
    [
      'bybit',
      { code: '10006', headers: { 'x-bapi-limit-reset-timestamp': `${NOW_MS + 3_000}` } },
      [429, 3_250, true, 'pause'],
    ],
    // "Otherwise, this is just the current timestamp."
    [
      'bybit',
      { code: '10006', headers: { 'x-bapi-limit-reset-timestamp': `${NOW_MS}` } },
      [429, 5_000, false, 'pause'],
    ],
    ['bybit', { code: '10429' }, [429, 60_000, false, 'pause']],
    ['bybit', { status: 429, headers: { 'retry-after': '2' } }, [429, 2_000, true, 'pause']],
    ['okx', { code: '50011' }, [429, 2_000, false, 'pause']],
    ['okx', { status: 429, code: '50011' }, [429, 2_000, false, 'pause']],
    ['okx', { status: 429, code: '50013' }, [429, 5_000, false, 'pause']],
    ['okx', { status: 503, code: '50013' }, ['ERR', 5_000, false, 'pause']],
    ['okx', { status: 403 }, [403, 60_000, false, 'ban']],
    ['bitflyer', { status: 403 }, [403, 60_000, false, 'ban']],
  ] as const)('%s %j', (venue, answer, [outcome, pauseMs, named, kind]) => {
    expect(judge(venue, answer).limit).toEqual({
      outcome,
      pauseMs,
      named,
      ban: kind === 'ban',
      scope: 'rest',
      lowered: null,
    });
  });

  it.each([
    [{}, 600_000],
    [{ 'retry-after': '5' }, 600_000],
    [{ 'retry-after': '900' }, 900_000],
  ])('Bybit’s 403 ends sessions of every kind for at least ten minutes: %j', (headers, pauseMs) => {
    const { limit } = judge('bybit', { status: 403, text: 'access too frequent', headers });
    expect(limit).toMatchObject({ outcome: 403, pauseMs, named: true, ban: true, scope: 'all' });
  });

  it('bitFlyer lowers its limit for a while after a breach', () => {
    expect(judge('bitflyer', { status: 429 }).limit).toMatchObject({
      outcome: 429,
      pauseMs: 60_000,
      lowered: { factor: 0.5, forMs: 600_000 },
    });
  });

  it.each([
    ['binance', { status: 400, code: '-1121' }],
    ['binance', { status: 502, text: '<html>' }],
    ['bybit', { code: '10001' }],
    ['bybit', { code: '10016' }],
    ['okx', { code: '51001' }],
    ['bitflyer', { code: '-2' }],
    ['bitflyer', { status: 500 }],
  ])('%s %j is an error, and no limit', (venue, answer) => {
    expect(judge(venue, answer)).toEqual({ limit: null, used: null });
  });
});

describe('the weight that Binance counts', () => {
  it('is told with every answer, good or bad, until its minute turns', () => {
    const headers = { 'x-mbx-used-weight-1m': '1234' };
    const used = { weight: 1_234, turnsInMs: 39_500 };
    expect(judge('binance', { headers })).toEqual({ limit: null, used });
    expect(judge('binance', { status: 429, headers })).toMatchObject({ used });
    // By the venue's clock where the two disagree: there the next minute has begun.
    expect(judge('binance', { headers: { ...headers, date: DATE(NOW_MS + 45_000) } })).toMatchObject({
      used: { turnsInMs: 55_000 },
    });
  });

  it.each(['', 'many', '-1', '1e3'])('is left out when it is no count: "%s"', (value) => {
    expect(judge('binance', { headers: { 'x-mbx-used-weight-1m': value } }).used).toBeNull();
  });
});

describe('Retry-After and other times', () => {
  const waits = (headers: Record<string, string>) => {
    const { limit } = judge('okx', { status: 429, headers });
    return limit?.named ? limit.pauseMs : null;
  };

  it('is seconds, or a date by the venue’s clock', () => {
    expect(waits({ 'retry-after': '17' })).toBe(17_000);
    expect(waits({ 'retry-after': ' 1.5 ' })).toBe(1_500);
    expect(waits({ 'retry-after': DATE(NOW_MS + 60_000) })).toBe(59_750);
    // The venue's clock is an hour behind ours: a minute from now by its own.
    const date = DATE(NOW_MS - 3_600_000);
    expect(waits({ 'retry-after': DATE(NOW_MS - 3_540_000), date })).toBe(60_250);
  });

  it.each(['soon', '0', '-5', '', 'Infinity', 'Wed, 21 Oct 2015 07:28:00 GMT'])(
    'is none when it is "%s"',
    (value) => expect(waits({ 'retry-after': value })).toBeNull(),
  );

  it('the end of a ban is met by the venue’s clock, never too early: ours may be ahead of it', () => {
    const venueMs = NOW_MS - 30_000;
    const { limit } = judge('binance', {
      status: 418,
      headers: { date: DATE(venueMs) },
      text: banned(venueMs + 10_000),
    });
    expect(limit?.pauseMs).toBeGreaterThanOrEqual(10_000);
    expect(limit?.pauseMs).toBeLessThanOrEqual(11_000);
  });
});

it('no answer makes a judge throw, or gives a pause that is none', () => {
  const codes = ['-1003', '10006', '10429', '50011', '50013', '-1', '0', ''];
  const headers = ['retry-after', 'date', 'x-mbx-used-weight-1m', 'x-bapi-limit-reset-timestamp'];
  const value = fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String));
  fc.assert(
    fc.property(
      fc.record({
        status: fc.oneof(fc.integer({ min: 100, max: 599 }), fc.constantFrom(200, 403, 418, 429)),
        code: fc.option(fc.oneof(fc.constantFrom(...codes), fc.string())),
        headers: fc.dictionary(fc.constantFrom(...headers), value),
        text: fc.oneof(fc.string(), fc.integer().map(banned)),
      }),
      (answer) => {
        for (const venue of VENUES) {
          const { limit, used } = judge(venue.id, answer);
          if (limit !== null) {
            expect(limit.pauseMs).toBeGreaterThan(0);
            expect(limit.pauseMs).toBeLessThan(Number.POSITIVE_INFINITY);
          }
          if (used !== null) {
            expect(used.turnsInMs).toBeGreaterThan(0);
            expect(used.turnsInMs).toBeLessThanOrEqual(60_000);
            expect(used.weight).toBeGreaterThanOrEqual(0);
          }
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

it('the settings can name every call that a venue makes for instruments and snapshots', () => {
  for (const { id, rest, locate, sim } of VENUES) {
    const located = sim.instruments.flatMap(({ symbol }) => locate(symbol) ?? []);
    const calls = [...rest.instruments(located), ...located.flatMap((one) => rest.depth(one, 200) ?? [])];
    expect(calls.length).toBeGreaterThan(0);
    for (const { method } of calls)
      expect([id, rest.methods]).toEqual([id, expect.arrayContaining([method])]);
  }
});
