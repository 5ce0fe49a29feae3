/** One way of a connection: what goes in comes out after a while, in order. */

import type { Clock } from '../core/ports.ts';

export interface Pipe<T> {
  push(item: T): void;
  /** What is under way never arrives. */
  cut(): void;
}

/** One timer for all that is under way, however much it is. */
export function createPipe<T>(
  clock: Pick<Clock, 'after' | 'monoMs'>,
  latencyMs: number,
  deliver: (item: T) => void,
): Pipe<T> {
  let waiting: { readonly item: T; readonly dueMs: number }[] = [];
  let isTimed = false;

  const arrive = (): void => {
    isTimed = false;
    const nowMs = clock.monoMs();
    const later = waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = later < 0 ? waiting : waiting.slice(0, later);
    waiting = later < 0 ? [] : waiting.slice(later);
    for (const [index, { item }] of due.entries()) {
      // Cut by what was delivered before.
      if (index > 0 && isCut) return;
      deliver(item);
    }
    time();
  };

  let isCut = false;
  const time = (): void => {
    const [next] = waiting;
    if (isTimed || isCut || next === undefined) return;
    isTimed = true;
    clock.after(Math.max(0, next.dueMs - clock.monoMs()), arrive);
  };

  return {
    push(item) {
      if (isCut) return;
      waiting.push({ item, dueMs: clock.monoMs() + latencyMs });
      time();
    },
    cut() {
      isCut = true;
      waiting = [];
    },
  };
}
