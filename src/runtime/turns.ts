/**
 * Who goes next (DESIGN 8): priorities, and within one the owners in turn, each first come first served. Whoever has
 * waited long in a lower priority is let in now and then, so that a flood above starves nobody.
 */

import type { Priority } from './protocol.ts';

export interface Waiting {
  readonly priority: Priority;
  readonly owner: string;
  readonly sinceMs: number;
}

export interface Turns<W extends Waiting> {
  add(waiter: W): void;
  /** It gave up, or was dropped. False when it is not there. */
  remove(waiter: W): boolean;
  /** It went: its owner's next turn comes after those of the others. */
  went(waiter: W): void;
  /** Everyone, in the order in which they are to go. */
  inOrder(nowMs: number): readonly W[];
  isEmpty(): boolean;
}

const PRIORITIES: readonly Priority[] = ['resync', 'poll', 'backfill'];
/** One turn in so many is for a lower priority that has waited this long. */
const LOWER_EVERY = 10;
const LONG_MS = 30_000;

export function createTurns<W extends Waiting>(): Turns<W> {
  /** By priority, then owner in the order of their turns. No empty list stays. */
  const queues: Readonly<Record<Priority, Map<string, W[]>>> = {
    resync: new Map(),
    poll: new Map(),
    backfill: new Map(),
  };
  let sinceLower = 0;

  const all = (): readonly W[] => PRIORITIES.flatMap((priority) => [...queues[priority].values()].flat());

  /** Of the lower priorities the first in turn that has waited longest, and long. */
  const starving = (nowMs: number): W | undefined => {
    const [, ...lower] = PRIORITIES.filter((priority) => queues[priority].size > 0);
    const heads = lower.flatMap((priority) => queues[priority].values().next().value?.[0] ?? []);
    return heads
      .filter((waiter) => nowMs - waiter.sinceMs >= LONG_MS)
      .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  };

  const remove = (waiter: W): boolean => {
    const queue = queues[waiter.priority];
    const waiters = queue.get(waiter.owner);
    const at = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || at < 0) return false;
    waiters.splice(at, 1);
    if (waiters.length === 0) queue.delete(waiter.owner);
    return true;
  };

  return {
    add(waiter) {
      const queue = queues[waiter.priority];
      const waiters = queue.get(waiter.owner);
      if (waiters === undefined) queue.set(waiter.owner, [waiter]);
      else waiters.push(waiter);
    },
    remove,
    went(waiter) {
      const [highest] = PRIORITIES.filter((priority) => queues[priority].size > 0);
      sinceLower = waiter.priority === highest ? sinceLower + 1 : 0;
      remove(waiter);
      const queue = queues[waiter.priority];
      const rest = queue.get(waiter.owner);
      if (rest === undefined) return;
      queue.delete(waiter.owner);
      queue.set(waiter.owner, rest);
    },
    inOrder(nowMs) {
      const first = sinceLower >= LOWER_EVERY - 1 ? starving(nowMs) : undefined;
      return first === undefined ? all() : [first, ...all().filter((waiter) => waiter !== first)];
    },
    isEmpty: () => PRIORITIES.every((priority) => queues[priority].size === 0),
  };
}
