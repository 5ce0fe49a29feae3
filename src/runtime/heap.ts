/** A thread's garbage, collected while it is little. */

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cancel, Clock } from '../core/ports.ts';

const LOOK_MS = 5_000;
/** So much garbage is collected, or this part of what is in use where that is more. */
const GARBAGE = { bytes: 1_500_000, part: 0.15 };
/** A larger heap is left to V8, which collects it in small steps. */
const LARGE_BYTES = 40_000_000;

export interface Heap {
  usedBytes(): number;
  collect(): void;
}

/**
 * V8 lets a small heap grow for a quarter of an hour in a quiet market before it looks for garbage in it. One whole collection
 * of a fetcher's takes some 24 ms (docs/adr/0004).
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
  const gc: () => void = runInNewContext('gc');
  return {
    usedBytes: () => getHeapStatistics().used_heap_size,
    collect() {
      // Else a quarter of a small heap stays with pages that are half empty. The flag is the process's, and the main
      // thread's heap is too large to be moved while it runs. Where two threads meet here one may go unmoved, until next time.
      setFlagsFromString('--compact-on-every-full-gc');
      gc();
      setFlagsFromString('--no-compact-on-every-full-gc');
    },
  };
}

/**
 * For the main thread, whose heap is too large to be collected in one go while it runs: V8 begins its small steps when it
 * has grown by a fifth, in place of the threefold. Call it at the start.
 */
export function growLittle(heap: Heap): void {
  setFlagsFromString('--heap-growing-percent=20');
  // Before the first collection V8 goes by a limit of its own.
  heap.collect();
}
