/** `mid_trend`: where the mid stands against its own average over a minute of receipt time. */

import { roundTo } from '../features/number.ts';
import { timeEma } from './ema.ts';
import type { Direction, SignalRule } from './signal.ts';

/** Time constant of the average. */
const TAU_US = 60_000_000;

/** After a gap this long nothing is left in the average but the last mid before it: begin anew. */
const FORGET_US = 10 * TAU_US;

/** In units of noise. Beyond ENTER a trend begins; only below EXIT it ends, so that it does not flap between. */
const ENTER = 1;
const EXIT = 0.5;

/** The least noise, as a share of the mid: 1 bp. The spread of a liquid pair is one tick, far finer than its noise. */
const NOISE_FLOOR = 1e-4;

/**
 * `value` is the deviation in basis points of the average; noise is the spread, or a basis point of the mid where
 * that is more; `strength` is r / (1 + r) with r = |deviation| / noise: 0.5 where a trend begins, towards 1.
 */
export const midTrend: SignalRule = {
  name: 'mid_trend',
  features: ['mid', 'spread'],
  start() {
    let average = timeEma(TAU_US);
    let direction: Direction = 'flat';
    let lastUs = Number.NEGATIVE_INFINITY;
    return ({ mid, spread }, localUs) => {
      if (mid === undefined || spread === undefined) return null;
      if (localUs - lastUs > FORGET_US) {
        average = timeEma(TAU_US);
        direction = 'flat';
      }
      lastUs = localUs;
      const base = average(mid, localUs);
      const ratio = (mid - base) / Math.max(spread, mid * NOISE_FLOOR);
      direction = turn(direction, ratio);
      const size = Math.abs(ratio);
      return {
        value: roundTo(((mid - base) / base) * 10_000, 4),
        direction,
        strength: roundTo(size / (1 + size), 4),
      };
    };
  },
};

/** The next direction; `ratio` is the deviation in units of noise. A trend may turn into its opposite at once. */
export function turn(direction: Direction, ratio: number): Direction {
  if (ratio > ENTER) return 'up';
  if (ratio < -ENTER) return 'down';
  if (direction === 'up' && ratio >= EXIT) return 'up';
  if (direction === 'down' && ratio <= -EXIT) return 'down';
  return 'flat';
}
