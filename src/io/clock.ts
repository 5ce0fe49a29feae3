/** The real clock. */

import type { Cancel, Clock } from '../core/ports.ts';

/** The wall clock is followed anew when it has moved away from our count by this much. */
const STEP_MS = 2;

/**
 * Wall time in µs is the monotonic clock counted from a reading of the wall clock, since `Date.now()` has only ms.
 * The reading is taken anew when the two disagree by more than 2 ms: the system's clock was stepped or slewed.
 */
export function systemClock(): Clock {
  let offsetMs = Date.now() - performance.now();
  return {
    wallUs() {
      const mono = performance.now();
      const wall = Date.now();
      if (Math.abs(mono + offsetMs - wall) > STEP_MS) offsetMs = wall - mono;
      return Math.trunc((mono + offsetMs) * 1000);
    },
    monoMs: () => performance.now(),
    after(ms, run): Cancel {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    every(ms, run): Cancel {
      const timer = setInterval(run, ms);
      return () => clearInterval(timer);
    },
  };
}
