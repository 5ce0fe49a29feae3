/** The faults that were asked for: which of them are on now, how often each struck, and which strikes next. */

import type { Feed } from '../core/event.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Fault, FaultKind, FaultOf } from './faults.ts';

/** What a fault may strike; what is not known is null, and no fault that asks for it matches. */
export interface Target {
  readonly venue: string;
  readonly path: string | null;
  readonly symbol: string | null;
  readonly feed: Feed | null;
}

/** A fault that was asked for. */
export interface Armed<F extends Fault = Fault> {
  readonly id: number;
  readonly fault: F;
  /** How often it struck. */
  applied: number;
  /** Where it lasts (a connection that stalls): whether it is still so. */
  lasts(): boolean;
}

export interface ArmedState {
  readonly id: number;
  readonly state: 'waiting' | 'on' | 'over';
  readonly applied: number;
  readonly fault: Fault;
}

export interface Faults {
  add(fault: Fault): ArmedState;
  /** Takes them all back; what lasts ends. */
  clear(): void;
  /** All that are on or wait, and the newest of those that are over. */
  list(): readonly ArmedState[];
  /** Whether any is on or waits: when not, nothing needs to be asked. */
  any(): boolean;
  /** The first of these kinds that is on and, where it may strike here, does so now; it is counted. */
  strike<K extends FaultKind>(
    kinds: readonly K[],
    mayStrike: (fault: FaultOf<K>) => boolean,
  ): Armed<FaultOf<K>> | null;
  /** Those of these kinds that are on now. Nothing is counted. */
  on<K extends FaultKind>(kinds: readonly K[]): readonly Armed<FaultOf<K>>[];
}

interface Entry extends Armed {
  readonly fromMs: number;
  /** The period (`everySec`) that `left` is of. */
  period: number;
  left: number;
}

/** Of those that are over so many are remembered. */
const REMEMBERED = 100;
/** On until it is taken back, where no `forSec` ends it. */
const STATES: readonly FaultKind[] = ['cut', 'skew', 'market_pause'];

export function createFaults(clock: Pick<Clock, 'monoMs'>, random: Random): Faults {
  let entries: readonly Entry[] = [];
  let over: readonly ArmedState[] = [];
  let ids = 0;
  /** Grows when all are taken back. */
  let era = 0;

  const countOf = (fault: Fault): number => {
    const told = 'count' in fault ? fault.count : undefined;
    const isEndless = fault.forSec !== undefined || STATES.includes(fault.kind);
    return told ?? (isEndless ? Number.POSITIVE_INFINITY : 1);
  };

  const stateOf = (entry: Entry): ArmedState['state'] => {
    const { fault, fromMs } = entry;
    const sinceMs = clock.monoMs() - fromMs;
    if (sinceMs < 0) return 'waiting';
    const everyMs = (fault.everySec ?? Number.POSITIVE_INFINITY) * 1000;
    const period = Math.floor(sinceMs / everyMs);
    if (period > entry.period) {
      entry.period = period;
      entry.left = countOf(fault);
    }
    const withinMs = period === 0 ? sinceMs : sinceMs - period * everyMs;
    const isOn = entry.left > 0 && withinMs < (fault.forSec ?? Number.POSITIVE_INFINITY) * 1000;
    if (isOn) return 'on';
    return fault.everySec === undefined ? 'over' : 'waiting';
  };

  const told = (entry: Entry, state: ArmedState['state']): ArmedState => ({
    id: entry.id,
    state,
    applied: entry.applied,
    fault: entry.fault,
  });

  /** Those that are over are set aside. */
  const sweep = (): void => {
    const ended = entries.filter((entry) => stateOf(entry) === 'over');
    if (ended.length === 0) return;
    entries = entries.filter((entry) => !ended.includes(entry));
    over = [...over, ...ended.map((entry) => told(entry, 'over'))].slice(-REMEMBERED);
  };

  return {
    add(fault) {
      ids += 1;
      const fromMs = clock.monoMs() + (fault.afterSec ?? 0) * 1000;
      const own = era;
      const untilMs = fault.forSec === undefined ? Number.POSITIVE_INFINITY : fromMs + fault.forSec * 1000;
      const entry: Entry = {
        ...{ id: ids, fault, applied: 0, fromMs, period: 0, left: countOf(fault) },
        lasts() {
          if (own !== era) return false;
          return fault.everySec === undefined ? clock.monoMs() < untilMs : stateOf(entry) === 'on';
        },
      };
      entries = [...entries, entry];
      return told(entry, stateOf(entry));
    },
    clear() {
      era += 1;
      over = [...over, ...entries.map((entry) => told(entry, 'over'))].slice(-REMEMBERED);
      entries = [];
    },
    list() {
      sweep();
      return [...over, ...entries.map((entry) => told(entry, stateOf(entry)))];
    },
    any: () => entries.length > 0,
    strike<K extends FaultKind>(kinds: readonly K[], mayStrike: (fault: FaultOf<K>) => boolean) {
      for (const entry of entries) {
        if (!isOneOf(entry, kinds) || stateOf(entry) !== 'on' || !mayStrike(entry.fault)) continue;
        const probability = 'probability' in entry.fault ? (entry.fault.probability ?? 1) : 1;
        if (probability < 1 && random() >= probability) continue;
        entry.left -= 1;
        entry.applied += 1;
        sweep();
        return entry;
      }
      return null;
    },
    on<K extends FaultKind>(kinds: readonly K[]) {
      sweep();
      return entries
        .filter((entry): entry is Entry & Armed<FaultOf<K>> => isOneOf(entry, kinds))
        .filter((entry) => stateOf(entry) === 'on');
    },
  };
}

function isOneOf<K extends FaultKind>(entry: Entry, kinds: readonly K[]): entry is Entry & Armed<FaultOf<K>> {
  return kinds.some((kind) => kind === entry.fault.kind);
}

/** Whether the fault's `venue`, `path`, `symbol` and `feed`, where it has them, are those of the target. */
export function matches(fault: Fault, target: Target): boolean {
  const { venue, feed, symbol, path }: Wanted = fault;
  return (
    venue === target.venue &&
    (feed === undefined || feed === target.feed) &&
    (symbol === undefined || symbol === target.symbol) &&
    (path === undefined || (target.path?.includes(path) ?? false))
  );
}

interface Wanted {
  readonly venue: string;
  readonly feed?: Feed | undefined;
  readonly symbol?: string | undefined;
  readonly path?: string | undefined;
}
