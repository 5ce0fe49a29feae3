/** Time that only a test moves. */

import type { Cancel, Clock } from '../../src/core/ports.ts';

export interface ManualClock extends Clock {
  /** Moves both clocks on, running each timer that falls due at its own moment, in order. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as an operator or NTP does. */
  stepWall(us: number): void;
  /** Timers that are still to run. */
  pending(): number;
}

interface Timer {
  readonly run: () => void;
  readonly everyMs: number | null;
  dueMs: number;
}

/** 2026-11-21T00:00:00Z */
export const CLOCK_START_US = 1_795_219_200_000_000;

export function manualClock(startUs: number = CLOCK_START_US): ManualClock {
  // A Set keeps the order of insertion: timers that fall due together run as they were asked for.
  const timers = new Set<Timer>();
  let mono = 0;
  let wallAtZero = startUs;

  function start(ms: number, run: () => void, everyMs: number | null): Cancel {
    const timer: Timer = { run, everyMs, dueMs: mono + Math.max(0, ms) };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  }

  function earliest(untilMs: number): Timer | null {
    let next: Timer | null = null;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  return {
    wallUs: () => wallAtZero + Math.round(mono * 1000),
    monoMs: () => mono,
    after: (ms, run) => start(ms, run, null),
    every: (ms, run) => start(ms, run, Math.max(1, ms)),
    advance(ms) {
      const until = mono + ms;
      for (let timer = earliest(until); timer !== null; timer = earliest(until)) {
        mono = timer.dueMs;
        timers.delete(timer);
        if (timer.everyMs !== null) {
          timer.dueMs = mono + timer.everyMs;
          timers.add(timer);
        }
        timer.run();
      }
      mono = until;
    },
    stepWall(us) {
      wallAtZero = us - Math.round(mono * 1000);
    },
    pending: () => timers.size,
  };
}
