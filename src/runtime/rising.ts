/** Counts that have grown lately. */

import type { Clock } from '../core/ports.ts';

const LATELY_MS = 60_000;

/** Tells whether the count of this key was larger at some look of the last minute than at the look before. */
export function createRising(clock: Clock): (key: string, count: number) => boolean {
  const seen = new Map<string, { readonly count: number; readonly grewMs: number }>();
  return (key, count) => {
    const before = seen.get(key) ?? { count: 0, grewMs: Number.NEGATIVE_INFINITY };
    const grewMs = count > before.count ? clock.monoMs() : before.grewMs;
    seen.set(key, { count, grewMs });
    return clock.monoMs() - grewMs < LATELY_MS;
  };
}
