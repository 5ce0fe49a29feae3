/** When polling stands in for a WebSocket: a connection that stays down is polled until it is back. */

import type { Cancel, Clock } from '../core/ports.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import type { FallbackOptions } from './protocol.ts';
import { baseOf } from './rates.ts';

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
  isOn(): boolean;
  /** It is not wanted any more. */
  gone(plan: ConnectionPlan): void;
  /** Polled in place of some connection. */
  covers(symbol: string): boolean;
  stop(): void;
}

interface State {
  plan: ConnectionPlan;
  on: boolean;
  up: boolean;
  why: string;
  timer: Cancel | null;
}

/** Without options it never sets in. */
export function createFallback(options: FallbackOptions | null, { clock, changed }: FallbackPort): Fallback {
  const states = new Map<string, State>();

  const stateOf = (plan: ConnectionPlan): State => {
    const base = baseOf(plan.name);
    const known = states.get(base) ?? { plan, on: false, up: true, why: '', timer: null };
    states.set(base, known);
    // While it is polled, what is polled must be known to be ended.
    if (!known.on) known.plan = plan;
    return known;
  };

  const turn = (state: State, on: boolean, ms: number, reason: () => string): void => {
    state.timer?.();
    state.timer = null;
    if (state.on === on) return;
    state.timer = clock.after(ms, () => {
      state.timer = null;
      state.on = on;
      changed(state.plan, on, reason());
    });
  };

  return {
    up(plan) {
      const state = stateOf(plan);
      if (options === null || state.up) return;
      state.up = true;
      turn(state, false, options.backMs, () => `up for ${options.backMs / 1000} s`);
    },
    down(plan, why) {
      const state = stateOf(plan);
      state.why = why;
      if (options === null || !state.up) return;
      state.up = false;
      turn(state, true, options.afterMs, () => `down for ${options.afterMs / 1000} s (${state.why})`);
    },
    isOn: () => [...states.values()].some(({ on }) => on),
    covers: (symbol) =>
      [...states.values()].some(
        ({ plan, on }) => on && plan.instruments.some((one) => one.symbol === symbol),
      ),
    gone(plan) {
      const state = stateOf(plan);
      state.timer?.();
      states.delete(baseOf(plan.name));
      if (state.on) changed(state.plan, false, 'not wanted any more');
    },
    stop() {
      for (const { timer } of states.values()) timer?.();
    },
  };
}
