/** Counts that have grown lately. */

import type { Clock } from '../core/ports.ts';

const LATELY_MS = 60_000;

export interface Rising {
  /** Tells whether the count of this key was larger at some look of the last minute than at the look before. */
  is(key: string, count: number): boolean;
  /** A look has ended: keys that it did not ask for are there no more. */
  looked(): void;
}

export function createRising(clock: Clock): Rising {
  interface Seen {
    readonly count: number;
    readonly grewMs: number;
  }
  let before = new Map<string, Seen>();
  let now = new Map<string, Seen>();
  return {
    is(key, count) {
      const last = now.get(key) ?? before.get(key) ?? { count: 0, grewMs: Number.NEGATIVE_INFINITY };
      const grewMs = count > last.count ? clock.monoMs() : last.grewMs;
      now.set(key, { count, grewMs });
      return clock.monoMs() - grewMs < LATELY_MS;
    },
    looked() {
      before = now;
      now = new Map();
    },
  };
}
