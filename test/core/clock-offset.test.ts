import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClockReading, clockOffset } from '../../src/core/clock-offset.ts';

const MS = 1_000;
const NOW_US = 1_795_219_200_000_000;

/** An answer that is on its way for so long, ms; its time read `atMs` after our sending by a clock `aheadMs` ahead. */
function reading(
  aheadMs: number,
  atMs: number,
  wayMs: number,
  resolutionMs: number,
  sentMs = 0,
): ClockReading {
  const sentUs = NOW_US + sentMs * MS;
  const resolutionUs = resolutionMs * MS;
  const exactUs = sentUs + Math.round((atMs + aheadMs) * MS);
  const toldUs = exactUs - (exactUs % resolutionUs);
  return { toldUs, resolutionUs, sentUs, headUs: sentUs + wayMs * MS };
}

describe('the offset of a clock', () => {
  test('without a reading is not known', () => expect(clockOffset([])).toBeNull());

  test('is the told time against the midpoint of the way, give or take half of it', () => {
    const told = { toldUs: NOW_US + 2_340 * MS, resolutionUs: 0, sentUs: NOW_US, headUs: NOW_US + 80 * MS };
    expect(clockOffset([told])).toEqual({ offsetMs: 2_300, uncertaintyMs: 40 });
    expect(clockOffset([{ ...told, toldUs: NOW_US - 500 * MS }])).toEqual({
      offsetMs: -540,
      uncertaintyMs: 40,
    });
  });

  test('is that of the shortest way, where a longer one tells nothing more', () => {
    const best = reading(100, 5, 10, 1);
    const one = clockOffset([best]);
    expect(one).toEqual({ offsetMs: 100.5, uncertaintyMs: 5.5 });
    expect(clockOffset([reading(100, 400, 800, 1), best, reading(100, 40, 90, 1)])).toEqual(one);
  });

  test('whole seconds narrow one another where they turn at different moments', () => {
    // Sent 0.2 s and 0.9 s into a second of ours, and the venue is 0.3 s ahead.
    const dates = [reading(300, 10, 20, 1_000, 200), reading(300, 10, 20, 1_000, 900)];
    expect(clockOffset(dates.slice(0, 1))).toEqual({ offsetMs: 290, uncertaintyMs: 510 });
    expect(clockOffset(dates)).toEqual({ offsetMs: 440, uncertaintyMs: 360 });
  });

  test('a reading that contradicts a better one, as of another server, is left out', () => {
    const best = reading(0, 5, 10, 1);
    expect(clockOffset([reading(5_000, 50, 100, 1), best])).toEqual(clockOffset([best]));
  });

  test('always holds the truth, and is never worse than the best reading alone', () => {
    const way = fc.record({
      wayMs: fc.integer({ min: 1, max: 3_000 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      sentMs: fc.integer({ min: 0, max: 10_000 }),
      resolutionMs: fc.constantFrom(1, 1_000),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -100_000, max: 100_000 }),
        fc.array(way, { minLength: 1, maxLength: 6 }),
        (aheadMs, ways) => {
          const readings = ways.map(({ wayMs, part, sentMs, resolutionMs }) =>
            reading(aheadMs, Math.round(part * wayMs), wayMs, resolutionMs, sentMs),
          );
          const { offsetMs = Number.NaN, uncertaintyMs = Number.NaN } = clockOffset(readings) ?? {};
          const least = Math.min(...ways.map(({ wayMs, resolutionMs }) => (wayMs + resolutionMs) / 2));
          expect(Math.abs(offsetMs - aheadMs)).toBeLessThanOrEqual(uncertaintyMs);
          expect(uncertaintyMs).toBeLessThanOrEqual(least);
        },
      ),
    );
  });
});
