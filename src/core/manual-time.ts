/** A clock that is moved by hand: replay moves it by receipt times. */

import type { Cancel, Clock } from './ports.ts';

export interface ManualTime extends Clock {
  /** Moves on to `us`, running what falls due at its own moment; never back. */
  advanceTo(us: number): void;
}

interface Timer {
  dueUs: number;
  readonly everyUs: number | null;
  readonly run: () => void;
}

export function manualTime(startUs: number): ManualTime {
  const timers = new Set<Timer>();
  let nowUs = startUs;

  const add = (ms: number, run: () => void, repeat: boolean): Cancel => {
    // A whole number of µs: a wait that rounding made of almost nothing would else be due at once, for ever.
    const inUs = Math.ceil(ms * 1000);
    const timer: Timer = { dueUs: nowUs + inUs, everyUs: repeat ? inUs : null, run };
    timers.add(timer);
    return () => timers.delete(timer);
  };

  /** The one that is due first; of equals the one that was added first. */
  const nextDue = (us: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers)
      if (timer.dueUs <= us && (next === undefined || timer.dueUs < next.dueUs)) next = timer;
    return next;
  };

  return {
    wallUs: () => nowUs,
    monoMs: () => (nowUs - startUs) / 1000,
    after: (ms, run) => add(ms, run, false),
    every: (ms, run) => add(ms, run, true),
    advanceTo(us) {
      for (let timer = nextDue(us); timer !== undefined; timer = nextDue(us)) {
        nowUs = Math.max(nowUs, timer.dueUs);
        if (timer.everyUs === null) timers.delete(timer);
        else timer.dueUs += timer.everyUs;
        timer.run();
      }
      nowUs = Math.max(nowUs, us);
    },
  };
}
