import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cadence, createCadence } from '../../src/runtime/cadence.ts';

const HOUR = 3_600_000;

/** Speaks every `everyMs` for `forMs`; gives the moment of the last message. */
function speak(cadence: Cadence, everyMs: number, forMs: number, fromMs = 0): number {
  let at = fromMs;
  for (; at <= fromMs + forMs; at += everyMs) cadence.arrived(at);
  return at - everyMs;
}

/** Numbers that look random, in (0, 1). */
function* chance(): Generator<number> {
  for (let state = 1; ; state = (state * 48_271) % 2_147_483_647) yield state / 2_147_483_647;
}

describe('how long a symbol may be silent', () => {
  test('as long as was fixed, until its rate is known', () => {
    const fresh = (['ticker', 'orderbook', 'trades'] as const).map((feed) => createCadence(feed));
    expect(fresh.map((one) => one.lateMs())).toEqual([60_000, 60_000, 600_000]);
    expect(fresh.map((one) => one.ageMs(99))).toEqual([null, null, null]);
    const [ticker] = fresh as [Cadence];
    for (const ms of [0, 1_000, 2_000]) ticker.arrived(ms);
    expect(ticker.lateMs()).toBe(60_000);
    ticker.arrived(3_000);
    expect(ticker.lateMs()).toBe(20_000);
  });

  test.each([
    ['20/s', 50, 20_000, 60_000],
    ['5/s', 200, 20_000, 60_000],
    ['1/s', 1_000, 20_000, 60_000],
    ['one in 5 s', 5_000, 100_000, 100_000],
    ['one a minute', 60_000, 1_200_000, 1_200_000],
    ['one an hour', HOUR, 20 * HOUR, 20 * HOUR],
  ])('%s: a busy one within its floor, a slow one by its rate', (_, everyMs, ticker, trades) => {
    for (const [feed, want] of [
      ['ticker', ticker],
      ['trades', trades],
    ] as const) {
      const cadence = createCadence(feed);
      const last = speak(cadence, everyMs, 200 * everyMs);
      expect(cadence.lateMs() / want).toBeCloseTo(1, 2);
      expect(cadence.ageMs(last + 1_234)).toBe(1_234);
    }
  });

  test('messages at random times are never late, at any rate; a dead one is found', () => {
    const random = chance();
    for (const perSec of [20, 3, 1, 0.3, 1 / 60, 1 / 3600]) {
      const cadence = createCadence('ticker');
      let at = 0;
      let late = 0;
      for (let i = 0; i < 20_000; i++) {
        const silence = (-Math.log(random.next().value) / perSec) * 1000;
        // The first ones are judged by the fixed bound.
        if (i > 50 && silence > cadence.lateMs()) late += 1;
        at += silence;
        cadence.arrived(at);
      }
      expect(late).toBe(0);
      const meanMs = 1000 / perSec;
      expect(cadence.lateMs()).toBeLessThan(Math.max(20_001, 60 * meanMs));
    }
  });

  test('bursts count once: a symbol that trades thirty at a time every ten minutes is not late after one', () => {
    const cadence = createCadence('trades');
    for (let at = 0; at < 24 * HOUR; at += 600_000) {
      if (at > HOUR) expect(600_000).toBeLessThan(cadence.lateMs());
      for (let i = 0; i < 30; i++) cadence.arrived(at + i * 20);
    }
  });

  test('an outage does not pass for the rate: minutes later the bound is tight again', () => {
    const cadence = createCadence('ticker');
    const last = speak(cadence, 100, HOUR);
    const back = speak(cadence, 100, 60_000, last + 24 * HOUR);
    expect(cadence.lateMs()).toBeLessThan(90_000);
    speak(cadence, 100, 600_000, back + 100);
    expect(cadence.lateMs()).toBe(20_000);
  });

  test('a market that falls asleep is late once or twice, and then is known to be slow', () => {
    const cadence = createCadence('trades');
    let at = speak(cadence, 500, 4 * HOUR);
    let late = 0;
    for (let i = 0; i < 24; i++) {
      if (HOUR > cadence.lateMs()) late += 1;
      at += HOUR;
      cadence.arrived(at);
    }
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThanOrEqual(5);
  });

  test('never below the floor, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100_000 })), (silences) => {
        const cadence = createCadence('orderbook');
        let at = 0;
        for (const ms of silences) {
          at += ms;
          cadence.arrived(at);
          expect(cadence.lateMs()).toBeGreaterThanOrEqual(20_000);
          // A silence is counted from the first message of the burst before it, which lasts half a second at most.
          expect(cadence.lateMs()).toBeLessThanOrEqual(20 * 100_500);
        }
      }),
      { examples: [[[0, 8, 6, 99_985, 10, 99_999, 99_993]]] },
    );
  });
});
