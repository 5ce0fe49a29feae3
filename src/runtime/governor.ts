/**
 * One venue's governor (DESIGN 8), in the main thread: asked before each request of every worker, told after each
 * answer. It paces, holds everything while the venue wants nothing, and remembers that across restarts.
 */

import { type Cost, createBudget } from '../core/budget.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import type { StretchOptions } from '../core/stretch.ts';
import { wallOf } from '../core/time.ts';
import type { Limit, RateWindow, Verdict } from '../core/venue.ts';
import type { GovernorMemory, Remembered } from './governor-memory.ts';
import type { Priority } from './protocol.ts';
import { createTally, type Outcome, throttleState, type VenueRateStats } from './rate-stats.ts';
import { createRestraint, type Pause } from './restraint.ts';
import { createTurns, type Waiting } from './turns.ts';

/** What the settings say of a venue's budget: may change while it runs. */
export interface GovernorNumbers {
  /** The operators' cap on information calls a minute; run at `share` of it. */
  readonly maxInfoRpm: number;
  /** The part of every limit that is used, in (0, 1]. */
  readonly share: number;
  /** The venue's own windows; also run at `share`. */
  readonly windows: readonly RateWindow[];
  readonly stretch: StretchOptions;
}

export interface GovernorOptions extends GovernorNumbers {
  readonly venue: string;
  readonly clock: Clock;
  /** Without one nothing outlives the process. */
  readonly memory?: GovernorMemory | undefined;
}

export interface Demand {
  readonly priority: Priority;
  readonly window: string;
  /** In the window's unit. */
  readonly weight: number;
  /** Who asks: fairness is between owners. */
  readonly owner?: string;
  /** Ends the wait; the permit is then not used. */
  readonly signal?: AbortSignal | undefined;
}

/** Leave for one request, now. It ends with `ended` or `giveBack`. */
export interface Permit {
  readonly window: string;
  readonly weight: number;
  readonly waitedMs: number;
  /** When it was given, on the monotonic clock. */
  readonly atMs: number;
}

/** How a permitted request ended. */
export interface Ending extends Verdict {
  readonly outcome: Outcome;
  /** False: no whole answer came. */
  readonly answered: boolean;
  /** What the venue said, for people. */
  readonly reason: string;
}

export interface Governor {
  readonly venue: string;
  /** Waits its turn. Fails with `refused` at once when it could never fit, with `aborted` when the wait is ended. */
  acquire(demand: Demand): Promise<Result<Permit>>;
  /** Why no wait would ever make such a request fit; null when it can. */
  refusal(cost: Cost): string | null;
  /** The request was never sent: its permit is as if it had not been given. */
  giveBack(permit: Permit): void;
  /** Told of every request that was sent. Gives the pause that follows, when it is on disk; else null. */
  ended(permit: Permit, ending: Ending): Promise<Pause | null>;
  /** What is left of the present pause; null when there is none. With `all`: of one that sessions must keep too. */
  pause(scope?: Limit['scope']): Pause | null;
  /** How far polling is stretched after limits: 1 when it is not. */
  stretch(): number;
  stats(): VenueRateStats;
  /** Goes on with other numbers: what was sent, pauses and bans are kept. A wait that can never end now is refused. */
  adjust(numbers: GovernorNumbers): void;
  /** Ends every wait, and refuses all that comes after. */
  close(): void;
}

interface Waiter extends Waiting {
  readonly window: string;
  readonly weight: number;
  settle(result: Result<Permit>): void;
}

/** A timer is never set for less, so that time moves on whatever rounding does, ms. */
const SHORTEST_TIMER_MS = 0.001;
/** A pause can be longer than a timer holds (24 days): it is looked at again before, ms. */
const LONGEST_TIMER_MS = 3_600_000;
/** Permits for so long at full pace are written ahead of their use, ms. */
const PORTION_MS = 2_000;

export function createGovernor(options: GovernorOptions): Governor {
  const { venue, clock } = options;
  const budget = createBudget(options);
  const turns = createTurns<Waiter>();
  const tally = createTally();
  const stretch = { ...options.stretch };
  const restraint = createRestraint(stretch, { clock, lower: budget.lower });
  let { windows } = options;
  let stopTimer: Cancel | null = null;
  let closed = false;

  /** Who goes now, or in how many ms to look again. */
  const choose = (nowMs: number): Waiter | number => {
    const full = new Set<string>();
    let againMs = Number.POSITIVE_INFINITY;
    for (const waiter of turns.inOrder(nowMs)) {
      // Nobody passes by another who waits for the same window, or a heavy call would never find room.
      if (full.has(waiter.window)) continue;
      const waitMs = budget.windowMs(waiter, nowMs);
      if (waitMs === 0) return waiter;
      full.add(waiter.window);
      againMs = Math.min(againMs, waitMs);
      // A permit to a later one would hold this one up beyond its window.
      if (waitMs < budget.spacingMs(nowMs) || full.size === windows.length) break;
    }
    return againMs;
  };

  /** False while the file does not allow for it yet; then there is a pump when it does. */
  const isRemembered = ({ window, weight }: Waiter, nowMs: number): boolean => {
    if (memory === undefined) return true;
    const least = Math.max(1, weight);
    const portion = least * Math.ceil(PORTION_MS / budget.spacingMs(nowMs));
    return memory.take(window, least, portion, pump);
  };

  const grant = (waiter: Waiter, nowMs: number): void => {
    const { window, weight, sinceMs } = waiter;
    budget.take(waiter, nowMs);
    tally.call(nowMs);
    turns.went(waiter);
    waiter.settle(ok({ window, weight, waitedMs: nowMs - sinceMs, atMs: nowMs }));
  };

  const pump = (): void => {
    stopTimer?.();
    stopTimer = null;
    const nowMs = clock.monoMs();
    let waitMs = Math.max(restraint.pause()?.ms ?? 0, budget.paceMs(nowMs));
    if (waitMs <= 0) {
      const chosen = choose(nowMs);
      if (typeof chosen === 'number') waitMs = chosen;
      else if (!isRemembered(chosen, nowMs)) return;
      else {
        grant(chosen, nowMs);
        waitMs = budget.spacingMs(nowMs);
      }
    }
    if (waitMs === Number.POSITIVE_INFINITY || turns.isEmpty()) return;
    stopTimer = clock.after(Math.min(Math.max(waitMs, SHORTEST_TIMER_MS), LONGEST_TIMER_MS), pump);
  };

  const end = (waiters: readonly Waiter[], why: string): void => {
    for (const waiter of waiters) {
      turns.remove(waiter);
      waiter.settle(err(failure('aborted', `${venue}: ${why} while waiting for a permit`, 'never')));
    }
    if (waiters.length > 0) pump();
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
      turns.add(waiter);
      pump();
    });

  const remember = (): Remembered => {
    const wallUs = wallOf(clock);
    const history = Object.entries(budget.history(clock.monoMs())).map(([window, entries]) => [
      window,
      entries.map(({ atMs, amount }) => [wallUs(atMs), amount]),
    ]);
    const lastMs = budget.lastMs();
    const lastUs = lastMs === null ? null : wallUs(lastMs);
    return { ...restraint.remember(), lastUs, used: Object.fromEntries(history) };
  };

  const recall = ({ used, lastUs, ...left }: Remembered): void => {
    const nowUs = clock.wallUs();
    const nowMs = clock.monoMs();
    const monoMs = (us: number): number => nowMs - (nowUs - us) / 1000;
    const history = Object.entries(used).map(([window, entries]) => [
      window,
      entries.map(([us, amount]) => ({ atMs: monoMs(us), amount })),
    ]);
    budget.restore(Object.fromEntries(history), lastUs === null ? null : monoMs(lastUs), nowMs);
    restraint.recall(left);
  };

  const memory = options.memory?.open(venue, remember);
  if (memory?.left) recall(memory.left);

  return {
    venue,
    acquire(demand) {
      const refused = refusal(venue, closed, demand, budget.refusal(demand));
      return refused === null ? wait(demand) : Promise.resolve(err(refused));
    },
    refusal: budget.refusal,
    giveBack(permit) {
      budget.giveBack(permit, permit.atMs);
      tally.uncall(permit.atMs);
      memory?.giveBack(permit.window, Math.max(1, permit.weight));
      pump();
    },
    async ended({ atMs, window }, { outcome, answered, limit, used, reason }) {
      const nowMs = clock.monoMs();
      tally.outcome(outcome, nowMs);
      if (used !== null) budget.told(window, used.weight, atMs, nowMs + used.turnsInMs, nowMs);
      if (limit === null) restraint.ended(outcome === 'OK', answered);
      const made = limit === null ? null : restraint.obey(limit, atMs, reason);
      pump();
      if (made !== null) await memory?.save();
      return made;
    },
    pause: restraint.pause,
    stretch: restraint.stretch,
    stats() {
      const nowMs = clock.monoMs();
      const waiting = turns.inOrder(nowMs);
      const oldestMs = Math.max(0, ...waiting.map((waiter) => nowMs - waiter.sinceMs));
      const pause = restraint.pause();
      const state = throttleState(pause, restraint.stretch(), oldestMs > 2 * budget.spacingMs(nowMs));
      const { rpm_60s, rpm_300s, err_60s, ...counts } = tally.read(nowMs);
      return {
        rpm_60s,
        rpm_300s,
        err_60s,
        target_rpm: budget.targetRpm(nowMs),
        throttle: state !== 'free',
        state,
        stretch: restraint.stretch(),
        waiting: waiting.length,
        paused_sec: Math.ceil(pause?.ms ?? 0) / 1000,
        lowered_sec: Math.ceil(budget.loweredMs(nowMs)) / 1000,
        windows: budget.uses(nowMs),
        ...counts,
      };
    },
    adjust(numbers) {
      budget.adjust(numbers);
      ({ windows } = numbers);
      Object.assign(stretch, numbers.stretch);
      for (const waiter of turns.inOrder(clock.monoMs())) {
        const never = budget.refusal(waiter);
        if (never === null) continue;
        turns.remove(waiter);
        waiter.settle(err(failure('refused', `${venue}: ${never}`, 'never')));
      }
      pump();
    },
    close() {
      closed = true;
      end(turns.inOrder(clock.monoMs()), 'the governor was closed');
      memory?.close();
    },
  };
}

function refusal(venue: string, closed: boolean, { signal }: Demand, never: string | null): Failure | null {
  if (closed) return failure('aborted', `${venue}: the governor is closed`, 'never');
  if (signal?.aborted) return failure('aborted', `${venue}: aborted before it asked for a permit`, 'never');
  return never === null ? null : failure('refused', `${venue}: ${never}`, 'never');
}
