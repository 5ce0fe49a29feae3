import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/core/ports.ts';
import { createStretch, pollEveryMs, type Stretch } from '../../src/core/stretch.ts';

const OPTIONS = { decay: 0.9, maxIntervalMs: 60_000, jitter: 0.1 };
const none = () => 0;
const everyMs = (stretch: Stretch, baseMs: number, random: Random, options = OPTIONS): number =>
  pollEveryMs(baseMs, stretch.factor(0), options, random);

describe('a stretch', () => {
  it('doubles with each limit, decays with each success, and ends at 1', () => {
    const stretch = createStretch(OPTIONS);
    expect(stretch.factor(0)).toBe(1);
    stretch.succeeded(0);
    expect(stretch.factor(0)).toBe(1);
    for (const want of [2, 4, 8]) {
      stretch.limited(0, 0);
      expect(stretch.factor(0)).toBe(want);
    }
    for (let n = 1; n <= 19; n++) {
      stretch.succeeded(n);
      expect(stretch.factor(n)).toBeCloseTo(8 * 0.9 ** n);
    }
    stretch.succeeded(20);
    expect(stretch.factor(20)).toBe(1);
  });

  it('multiplies an interval up to the longest, which is no limit to what is longer of itself', () => {
    const stretch = createStretch(OPTIONS);
    expect(everyMs(stretch, 2_000, none)).toBe(2_000);
    for (let n = 0; n < 50; n++) stretch.limited(0, 0);
    expect(everyMs(stretch, 1_000, none)).toBe(60_000);
    expect(everyMs(stretch, 2_000, none)).toBe(60_000);
    expect(everyMs(stretch, 90_000, none)).toBe(90_000);
    // Fifty limits are not fifty doublings to be undone.
    for (let n = 0; n < 40; n++) stretch.succeeded(0);
    expect(stretch.factor(0)).toBe(1);
  });

  it('adds jitter, and never takes any away', () => {
    const stretch = createStretch(OPTIONS);
    expect(everyMs(stretch, 2_000, () => 0.5)).toBe(2_100);
    stretch.limited(0, 0);
    expect(everyMs(stretch, 2_000, none)).toBe(4_000);
    expect(everyMs(stretch, 2_000, () => 1)).toBeCloseTo(4_400);
  });

  it('of a venue that is asked nothing decays too: a quiet longest interval after the pause is a success', () => {
    const stretch = createStretch(OPTIONS);
    stretch.limited(0, 600_000);
    expect(stretch.factor(659_999)).toBe(2);
    expect(stretch.factor(660_000)).toBeCloseTo(1.8);
    expect(stretch.factor(720_000)).toBeCloseTo(1.62);
    expect(stretch.factor(10_000_000)).toBe(1);
  });

  it('shows even where intervals may not grow', () => {
    const options = { ...OPTIONS, maxIntervalMs: 1_000 };
    const stretch = createStretch(options);
    stretch.limited(0, 0);
    expect([stretch.factor(0), everyMs(stretch, 1_000, none, options)]).toEqual([2, 1_000]);
  });
});
