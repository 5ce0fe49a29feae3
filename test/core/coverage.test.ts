import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coverDay, type Stretch, verdictOf } from '../../src/core/coverage.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const DAY = { fromUs: 20_000 * 1_440 * MINUTE, toUs: 20_001 * 1_440 * MINUTE };
/** In seconds from the day's beginning. */
const span = (from: number, to: number): Stretch => ({
  fromUs: DAY.fromUs + from * SECOND,
  toUs: DAY.fromUs + to * SECOND,
});
const ALL = span(-1_000, 100_000);
const OVER = DAY.toUs;

describe('a day', () => {
  test('without gaps is data, whatever came', () => {
    const day = coverDay(DAY, OVER, ALL, []);
    expect(day).toEqual({
      minutes: 'd'.repeat(1_440),
      watched_sec: 86_400,
      gap_sec: 0,
      longest_gap_sec: 0,
      completeness: 1,
    });
    expect([verdictOf(day, true), verdictOf(day, false)]).toEqual(['available', 'pending']);
  });

  test('has a letter for each minute that has begun', () => {
    const { minutes } = coverDay(DAY, DAY.fromUs + 330 * SECOND, span(70, 99_999), [span(130, 250)]);
    expect(minutes).toBe('cdpgpd');
  });

  test('is cut at its ends; gaps that overlap count once, and together', () => {
    const day = coverDay(DAY, OVER, ALL, [span(-500, 60), span(30, 90), span(90, 100), span(86_390, 90_000)]);
    expect(day).toMatchObject({ gap_sec: 110, longest_gap_sec: 100 });
    expect(day.minutes.slice(0, 3)).toBe('gpd');
    expect(day.minutes.at(-1)).toBe('p');
  });

  test('before its first row was not watched', () => {
    expect(coverDay(DAY, OVER, span(90_000, 99_999), [])).toMatchObject({
      watched_sec: 0,
      completeness: null,
    });
    expect(coverDay(DAY, OVER, span(43_200, 99_999), [])).toMatchObject({
      watched_sec: 43_200,
      completeness: 1,
    });
  });

  test.each([
    [[span(0, 60)], 'available'],
    [[span(0, 61)], 'degraded'],
    [Array.from({ length: 10 }, (_, at) => span(at * 600, at * 600 + 50)), 'degraded'],
    [Array.from({ length: 8 }, (_, at) => span(at * 600, at * 600 + 50)), 'available'],
    [[ALL], 'missing'],
  ] as const)('%#: its verdict', (gaps, verdict) => {
    expect(verdictOf(coverDay(DAY, OVER, ALL, gaps), true)).toBe(verdict);
  });
});

test('letters and seconds say the same as each second by itself', () => {
  const seconds = fc.integer({ min: -100, max: 1_900 });
  const stretches = fc.array(fc.tuple(seconds, seconds), { maxLength: 12 });
  const day = { fromUs: DAY.fromUs, toUs: DAY.fromUs + 30 * MINUTE };
  fc.assert(
    fc.property(
      stretches,
      fc.integer({ min: 0, max: 1_800 }),
      fc.integer({ min: 0, max: 1_800 }),
      (pairs, since, now) => {
        const gaps = pairs.map(([a, b]) => span(Math.min(a, b), Math.max(a, b)));
        const got = coverDay(day, DAY.fromUs + now * SECOND, span(since, 99_999), gaps);
        const isGap = (at: number): boolean =>
          gaps.some(
            ({ fromUs, toUs }) => fromUs <= DAY.fromUs + at * SECOND && DAY.fromUs + at * SECOND < toUs,
          );
        let letters = '';
        let missing = 0;
        for (let minute = 0; minute * 60 < now; minute++) {
          const own = Array.from({ length: 60 }, (_, at) => minute * 60 + at).filter(
            (at) => at >= since && at < now,
          );
          const lost = own.filter(isGap).length;
          missing += lost;
          letters += own.length === 0 ? 'c' : lost === 0 ? 'd' : lost === own.length ? 'g' : 'p';
        }
        expect([got.minutes, got.gap_sec, got.watched_sec]).toEqual([
          letters,
          missing,
          Math.max(0, now - since),
        ]);
      },
    ),
    { numRuns: 300 },
  );
});
