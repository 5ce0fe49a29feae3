/** A thread's garbage, collected while it is little. */

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../core/ports.ts';

const LOOK_MS = 5_000;
/** So much garbage is collected, or this part of what is in use where that is more. */
const GARBAGE = { bytes: 3_000_000, part: 0.3 };
/** A larger heap is left to V8, which collects it in small steps. */
const LARGE_BYTES = 40_000_000;

export interface Heap {
  usedBytes(): number;
  collect(): void;
}

/**
 * V8 lets a small heap grow for a quarter of an hour in a quiet market before it looks for garbage in it. One whole collection
 * of a fetcher's takes 10 to 30 ms (docs/adr/0004).
 */
export function keepHeapSmall(clock: Clock, heap: Heap): Cancel {
  let keptBytes = 0;
  return clock.every(LOOK_MS, () => {
    const usedBytes = heap.usedBytes();
    const isLittle = usedBytes - keptBytes < Math.max(GARBAGE.bytes, GARBAGE.part * keptBytes);
    if (isLittle || usedBytes > LARGE_BYTES) return;
    heap.collect();
    keptBytes = heap.usedBytes();
  });
}

/** Of the thread that asks. */
export function ownHeap(): Heap {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  return { usedBytes: () => getHeapStatistics().used_heap_size, collect: () => collect() };
}
