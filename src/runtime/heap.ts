/** A thread's garbage, collected while it is little. */

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../core/ports.ts';

const LOOK_MS = 5_000;
/** So much garbage is collected, or this part of what is in use where that is more. */
const GARBAGE = { bytes: 3_000_000, part: 0.3 };

export interface Heap {
  usedBytes(): number;
  collect(): void;
}

/**
 * V8 lets a small heap grow by some 16 MB before it looks for garbage in it, which in twelve quiet threads is 200 MB; one
 * whole collection of such a heap takes 10 ms (docs/adr/0004).
 */
export function keepHeapSmall(clock: Clock, heap: Heap): Cancel {
  let keptBytes = 0;
  return clock.every(LOOK_MS, () => {
    if (heap.usedBytes() - keptBytes < Math.max(GARBAGE.bytes, GARBAGE.part * keptBytes)) return;
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
