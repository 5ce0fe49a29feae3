/** How long the thread was kept from running. */

import type { Cancel, Clock } from '../core/ports.ts';

const EVERY_MS = 100;

export interface LoopLag {
  /** The longest hold since the last `forget`, ms. */
  ms(): number;
  forget(): void;
  stop: Cancel;
}

export function watchLoopLag(clock: Clock): LoopLag {
  let longestMs = 0;
  let expectedMs = clock.monoMs() + EVERY_MS;
  const stop = clock.every(EVERY_MS, () => {
    const now = clock.monoMs();
    longestMs = Math.max(longestMs, now - expectedMs);
    expectedMs = now + EVERY_MS;
  });
  return {
    ms: () => longestMs,
    forget() {
      longestMs = 0;
    },
    stop,
  };
}
