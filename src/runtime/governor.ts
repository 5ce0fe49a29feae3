/**
 * One venue's governor (DESIGN 8), in the main thread: asked before each request of every worker, told after each
 * answer. Strict priorities; within one, owners take turns, each first come first served.
 */

import { createBudget } from '../core/budget.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import type { RateWindow } from '../core/venue.ts';
import type { Priority } from './protocol.ts';
import { createTally, type Outcome, type VenueRateStats } from './rate-stats.ts';

export interface GovernorOptions {
  readonly venue: string;
  /** The operators' cap on information calls a minute; run at `share` of it. */
  readonly maxInfoRpm: number;
  /** The part of every limit that is used, in (0, 1]. */
  readonly share: number;
  /** The venue's own windows; also run at `share`. */
  readonly windows: readonly RateWindow[];
  readonly clock: Clock;
}

export interface Demand {
  readonly priority: Priority;
  readonly window: string;
  /** In the window's unit. */
  readonly weight: number;
  /** Who asks: fairness is between owners, and `cancel` takes back all that one waits for. */
  readonly owner?: string;
  /** Ends the wait; the permit is then not used. */
  readonly signal?: AbortSignal | undefined;
}

/** Leave for one request, now. */
export interface Permit {
  readonly waitedMs: number;
}

export interface Governor {
  readonly venue: string;
  /** Waits its turn. Fails with `refused` at once when it could never fit, with `aborted` when the wait is ended. */
  acquire(demand: Demand): Promise<Result<Permit>>;
  /** Ends every wait of one owner; gives their number. */
  cancel(owner: string): number;
  note(outcome: Outcome): void;
  /** No permit before `untilMs` on the monotonic clock. Never shortens a pause. */
  pauseUntil(untilMs: number): void;
  stats(): VenueRateStats;
  /** Ends every wait, and refuses all that comes after. */
  close(): void;
}

interface Waiter {
  readonly priority: Priority;
  readonly owner: string;
  readonly window: string;
  readonly weight: number;
  readonly sinceMs: number;
  settle(result: Result<Permit>): void;
}

const PRIORITIES: readonly Priority[] = ['resync', 'poll', 'backfill'];
/** A timer is never set for less, so that time moves on whatever rounding does, ms. */
const SHORTEST_TIMER_MS = 0.001;
/** A pause can be longer than a timer holds (24 days): it is looked at again before, ms. */
const LONGEST_TIMER_MS = 3_600_000;

export function createGovernor(options: GovernorOptions): Governor {
  const { venue, clock } = options;
  const budget = createBudget(options);
  /** By priority, then owner in the order of their turns. No empty list stays. */
  const queues: Readonly<Record<Priority, Map<string, Waiter[]>>> = {
    resync: new Map(),
    poll: new Map(),
    backfill: new Map(),
  };
  const tally = createTally();
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  let stopTimer: Cancel | null = null;
  let closed = false;

  function* inOrder(): Generator<Waiter> {
    for (const priority of PRIORITIES) {
      for (const waiters of queues[priority].values()) yield* waiters;
    }
  }

  /** False when the waiter is no longer there. */
  const remove = (waiter: Waiter): boolean => {
    const queue = queues[waiter.priority];
    const waiters = queue.get(waiter.owner);
    const at = waiters?.indexOf(waiter) ?? -1;
    if (waiters === undefined || at < 0) return false;
    waiters.splice(at, 1);
    if (waiters.length === 0) queue.delete(waiter.owner);
    return true;
  };

  const endTurn = ({ priority, owner }: Waiter): void => {
    const waiters = queues[priority].get(owner);
    if (waiters === undefined) return;
    queues[priority].delete(owner);
    queues[priority].set(owner, waiters);
  };

  /** Who goes now, or in how many ms to look again. */
  const choose = (nowMs: number): Waiter | number => {
    const full = new Set<string>();
    let againMs = Number.POSITIVE_INFINITY;
    for (const waiter of inOrder()) {
      // Nobody passes by another who waits for the same window, or a heavy call would never find room.
      if (full.has(waiter.window)) continue;
      const waitMs = budget.windowMs(waiter, nowMs);
      if (waitMs === 0) return waiter;
      full.add(waiter.window);
      againMs = Math.min(againMs, waitMs);
      // A permit to a later one would hold this one up beyond its window.
      if (waitMs < budget.spacingMs || full.size === options.windows.length) break;
    }
    return againMs;
  };

  const pump = (): void => {
    stopTimer?.();
    stopTimer = null;
    const nowMs = clock.monoMs();
    let waitMs = Math.max(pausedUntilMs - nowMs, budget.paceMs(nowMs));
    if (waitMs <= 0) {
      const chosen = choose(nowMs);
      if (typeof chosen === 'number') {
        waitMs = chosen;
      } else {
        budget.take(chosen, nowMs);
        tally.call(nowMs);
        remove(chosen);
        endTurn(chosen);
        chosen.settle(ok({ waitedMs: nowMs - chosen.sinceMs }));
        waitMs = budget.spacingMs;
      }
    }
    if (waitMs === Number.POSITIVE_INFINITY || inOrder().next().done === true) return;
    stopTimer = clock.after(Math.min(Math.max(waitMs, SHORTEST_TIMER_MS), LONGEST_TIMER_MS), pump);
  };

  const end = (waiters: readonly Waiter[], why: string): number => {
    for (const waiter of waiters) {
      remove(waiter);
      waiter.settle(err(failure('aborted', `${venue}: ${why} while waiting for a permit`, 'never')));
    }
    if (waiters.length > 0) pump();
    return waiters.length;
  };

  const wait = ({ priority, window, weight, owner = '', signal }: Demand): Promise<Result<Permit>> =>
    new Promise((resolve) => {
      const onAbort = (): void => {
        end([waiter], 'aborted');
      };
      const waiter: Waiter = {
        priority,
        owner,
        window,
        weight,
        sinceMs: clock.monoMs(),
        settle(result) {
          signal?.removeEventListener('abort', onAbort);
          resolve(result);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const waiters = queues[priority].get(owner);
      if (waiters === undefined) queues[priority].set(owner, [waiter]);
      else waiters.push(waiter);
      pump();
    });

  return {
    venue,
    acquire(demand) {
      const refused = refusal(venue, closed, demand, budget.refusal(demand));
      return refused === null ? wait(demand) : Promise.resolve(err(refused));
    },
    cancel: (owner) =>
      end(
        [...inOrder()].filter((waiter) => waiter.owner === owner),
        `${owner} ended`,
      ),
    note: (outcome) => tally.outcome(outcome, clock.monoMs()),
    pauseUntil(untilMs) {
      pausedUntilMs = Math.max(pausedUntilMs, untilMs);
      pump();
    },
    stats() {
      const nowMs = clock.monoMs();
      const waiting = [...inOrder()];
      const oldestMs = Math.max(0, ...waiting.map((waiter) => nowMs - waiter.sinceMs));
      const pausedMs = Math.max(0, pausedUntilMs - nowMs);
      return {
        ...tally.read(nowMs),
        target_rpm: budget.targetRpm,
        throttle: pausedMs > 0 || oldestMs > 2 * budget.spacingMs,
        waiting: waiting.length,
        paused_sec: Math.ceil(pausedMs) / 1000,
      };
    },
    close() {
      closed = true;
      end([...inOrder()], 'the governor was closed');
    },
  };
}

function refusal(venue: string, closed: boolean, { signal }: Demand, never: string | null): Failure | null {
  if (closed) return failure('aborted', `${venue}: the governor is closed`, 'never');
  if (signal?.aborted) return failure('aborted', `${venue}: aborted before it asked for a permit`, 'never');
  return never === null ? null : failure('refused', `${venue}: ${never}`, 'never');
}
