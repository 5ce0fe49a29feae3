/** The real clock. */

import type { Cancel, Clock } from '../core/ports.ts';

/** The wall clock is followed anew when it has moved away from our count by this much. */
const STEP_MS = 2;
/** What a timer of the system holds, ms (24 days); it runs a longer one at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Wall minus monotonic time, ms, read at the moment at which the wall clock's millisecond turns: so that the threads,
 * each with a clock of its own, agree to some µs. Waits for that moment, at most 2 ms.
 */
function align(): number {
  const endMs = performance.now() + 2;
  const first = Date.now();
  let wall = first;
  let mono = performance.now();
  while (wall === first && mono < endMs) {
    wall = Date.now();
    mono = performance.now();
  }
  return wall - mono;
}

/**
 * Wall time in µs is the monotonic clock counted from a reading of the wall clock, since `Date.now()` has only ms.
 * The reading is taken anew when the two disagree by more than 2 ms: the system's clock was stepped or slewed.
 */
export function systemClock(): Clock {
  let offsetMs = align();
  return {
    wallUs() {
      const mono = performance.now();
      const wall = Date.now();
      if (Math.abs(mono + offsetMs - wall) <= STEP_MS) return Math.trunc((mono + offsetMs) * 1000);
      offsetMs = align();
      return Math.trunc((performance.now() + offsetMs) * 1000);
    },
    monoMs: () => performance.now(),
    after(ms, run): Cancel {
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number): void => {
        timer =
          leftMs > LONGEST_MS
            ? setTimeout(() => wait(leftMs - LONGEST_MS), LONGEST_MS)
            : setTimeout(run, leftMs);
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
    every(ms, run): Cancel {
      const timer = setInterval(run, ms);
      return () => clearInterval(timer);
    },
  };
}
