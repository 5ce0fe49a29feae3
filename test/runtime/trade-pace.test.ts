import { describe, expect, test } from 'vitest';
import { createTradePace } from '../../src/runtime/trade-pace.ts';
import { LOCAL_US } from '../support/intake.ts';

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const HOUR_US = 60 * MINUTE_US;

/** The silences that are told of trades that come so long after one another. */
function silences(intervalsUs: Iterable<number>): readonly number[] {
  const pace = createTradePace();
  let at = LOCAL_US;
  pace.silence({ symbol: 'A', localUs: at });
  const told: number[] = [];
  for (const us of intervalsUs) {
    at += us;
    const silence = pace.silence({ symbol: 'A', localUs: at });
    if (silence !== null) told.push(silence);
  }
  return told;
}

const times = (count: number, us: number): readonly number[] => Array.from({ length: count }, () => us);

/** Between events at random times, one in `meanUs`. */
function* atRandom(meanUs: number, count: number): Generator<number> {
  let state = 1;
  for (let n = 0; n < count; n++) {
    state = (state * 48_271) % 2_147_483_647;
    yield -Math.log(state / 2_147_483_647) * meanUs;
  }
}

test('a market of a trade a minute is judged as before after our clock was set back by an hour', () => {
  const usual = times(99, MINUTE_US);
  expect(silences([...usual, MINUTE_US - HOUR_US, ...usual])).toEqual([]);
  expect(silences([...usual, MINUTE_US - HOUR_US, ...usual, HOUR_US])).toEqual([HOUR_US]);
  // One that follows at once is, before the clock is where it was.
  expect(silences([...usual, MINUTE_US - HOUR_US, 25 * MINUTE_US])).toEqual([25 * MINUTE_US]);
});

describe('a market that trades seldom', () => {
  test.each([31 * SECOND_US, 10 * MINUTE_US, HOUR_US, 24 * HOUR_US])(
    'once in %d µs is never silent',
    (us) => {
      expect(silences(times(200, us))).toEqual([]);
    },
  );

  test.each([SECOND_US, 40 * SECOND_US, HOUR_US])(
    'nor one whose trades come at random, one in %d µs',
    (us) => {
      expect(silences(atRandom(us, 20_000))).toEqual([]);
    },
  );

  test('nor one that trades many at a time', () => {
    const bursts = times(60, HOUR_US).flatMap((us) => [us, ...times(100, 0), ...times(3, 200_000)]);
    expect(silences(bursts)).toEqual([]);
  });
});

test('a silence is told of once the pace is known, and not before', () => {
  const usual = times(3, 2 * SECOND_US);
  expect(silences([...usual.slice(1), 45 * SECOND_US])).toEqual([]);
  expect(silences([...usual, 45 * SECOND_US])).toEqual([45 * SECOND_US]);
  expect(silences([...usual, 39 * SECOND_US])).toEqual([]);
  // A busier one is not judged below the floor.
  const busy = times(1_000, 50_000);
  expect(silences([...busy, 29 * SECOND_US])).toEqual([]);
  expect(silences([...busy, 33 * SECOND_US])).toEqual([33 * SECOND_US]);
});

test('an outage is not learned as the pace, and a market that falls asleep is known to be slow after a few', () => {
  const usual = times(5, MINUTE_US);
  expect(silences([...usual, HOUR_US, ...usual, HOUR_US])).toEqual([HOUR_US, HOUR_US]);
  const asleep = silences([...times(1_000, 50_000), ...times(50, HOUR_US)]);
  expect(asleep.length).toBeGreaterThan(0);
  expect(asleep.length).toBeLessThanOrEqual(10);
});

test('a symbol that is forgotten begins anew, and each has its own pace', () => {
  const pace = createTradePace();
  const told: (number | null)[] = [];
  for (let n = 0; n <= 10; n++)
    for (const symbol of ['A', 'B'])
      told.push(pace.silence({ symbol, localUs: LOCAL_US + n * (symbol === 'A' ? 2 : 50) * SECOND_US }));
  expect(new Set(told)).toEqual(new Set([null]));
  pace.forget('C');
  expect(pace.silence({ symbol: 'B', localUs: LOCAL_US + 800 * SECOND_US })).toBeNull();
  expect(pace.silence({ symbol: 'A', localUs: LOCAL_US + 320 * SECOND_US })).toBe(300 * SECOND_US);
  pace.forget('A');
  expect(pace.silence({ symbol: 'A', localUs: LOCAL_US + 900 * SECOND_US })).toBeNull();
});
