/** When polling stands in for a WebSocket: a connection that stays down is polled until it is back. */

import type { Cancel, Clock } from '../core/ports.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import type { FallbackOptions } from './protocol.ts';

export interface FallbackPort {
  readonly clock: Clock;
  /** `reason`, for people. */
  changed(plan: ConnectionPlan, on: boolean, reason: string): void;
}

export interface Fallback {
  /** The connection is open. */
  up(plan: ConnectionPlan): void;
  /** It is not: it ended, could not be opened, or was never tried. */
  down(plan: ConnectionPlan, why: string): void;
  /** There is no such connection any more. */
  drop(plan: ConnectionPlan): void;
  isOn(): boolean;
  /** Polled in place of some connection. */
  covers(symbol: string): boolean;
  stop(): void;
}

interface State {
  on: boolean;
  up: boolean;
  why: string;
  timer: Cancel | null;
}

/** Without options it never sets in. */
export function createFallback(options: FallbackOptions | null, { clock, changed }: FallbackPort): Fallback {
  const states = new Map<ConnectionPlan, State>();

  const stateOf = (plan: ConnectionPlan): State => {
    const known = states.get(plan) ?? { on: false, up: true, why: '', timer: null };
    states.set(plan, known);
    return known;
  };

  const turn = (plan: ConnectionPlan, state: State, on: boolean, ms: number, reason: () => string): void => {
    state.timer?.();
    state.timer = null;
    if (state.on === on) return;
    state.timer = clock.after(ms, () => {
      state.timer = null;
      state.on = on;
      changed(plan, on, reason());
    });
  };

  return {
    up(plan) {
      const state = stateOf(plan);
      if (options === null || state.up) return;
      state.up = true;
      turn(plan, state, false, options.backMs, () => `up for ${options.backMs / 1000} s`);
    },
    down(plan, why) {
      const state = stateOf(plan);
      state.why = why;
      if (options === null || !state.up) return;
      state.up = false;
      turn(plan, state, true, options.afterMs, () => `down for ${options.afterMs / 1000} s (${state.why})`);
    },
    drop(plan) {
      states.get(plan)?.timer?.();
      states.delete(plan);
    },
    isOn: () => [...states.values()].some(({ on }) => on),
    covers: (symbol) =>
      [...states].some(([{ instruments }, { on }]) => on && instruments.some((one) => one.symbol === symbol)),
    stop() {
      for (const { timer } of states.values()) timer?.();
    },
  };
}
