/**
 * What a venue's word holds back beyond its budget: pauses and bans, limits that were lowered, and how far polling is
 * stretched. It outlives the process in the governor's memory.
 */

import type { Clock } from '../core/ports.ts';
import { createStretch, type StretchOptions } from '../core/stretch.ts';
import type { Limit } from '../core/venue.ts';
import type { Ban, Remembered } from './governor-memory.ts';

/** A time in which the venue wants nothing of us. */
export interface Pause {
  readonly ms: number;
  readonly ban: boolean;
  readonly scope: Limit['scope'];
  /** What the venue said, for people. */
  readonly reason: string;
}

export interface Restraint {
  /** The limit that a request met, which was permitted at `atMs`. Gives the pause that is kept. */
  obey(limit: Limit, atMs: number, reason: string): Pause;
  /** A request ended without a limit; `answered`: the venue gave a whole answer. */
  ended(isOk: boolean, answered: boolean): void;
  /** What is left of the present pause; null when there is none. With `all`: of one that sessions must keep too. */
  pause(scope?: Limit['scope']): Pause | null;
  /** 1 when nothing is stretched. */
  stretch(): number;
  remember(): Pick<Remembered, 'bans' | 'lowered'>;
  recall(remembered: Pick<Remembered, 'bans' | 'lowered'>): void;
}

export interface RestraintPort {
  readonly clock: Clock;
  /** The venue's limits are this part of them until then (monotonic ms). */
  lower(factor: number, untilMs: number): void;
}

/** So many requests in a row without an answer are a sign to ask less. */
const SILENT_REQUESTS = 5;

type Held = Omit<Ban, 'untilUs'> & { readonly untilMs: number };

const NEVER: Held = {
  untilMs: Number.NEGATIVE_INFINITY,
  kind: 'pause',
  scope: 'rest',
  reason: '',
};

export function createRestraint(options: StretchOptions, { clock, lower }: RestraintPort): Restraint {
  const stretch = createStretch(options);
  /** Until when nothing may be sent; and until when no session of any kind may be open. */
  const held: Record<Limit['scope'], Held> = { rest: NEVER, all: NEVER };
  let lowered = { factor: 1, untilMs: Number.NEGATIVE_INFINITY };
  let limitedMs = Number.NEGATIVE_INFINITY;
  let silent = 0;

  /** Never shortens a pause. */
  const hold = (pauseMs: number, { ban, scope }: Pick<Limit, 'ban' | 'scope'>, reason: string): void => {
    const untilMs = clock.monoMs() + pauseMs;
    const made: Held = { untilMs, kind: ban ? 'ban' : 'pause', scope, reason };
    if (untilMs > held.rest.untilMs) held.rest = made;
    if (scope === 'all' && untilMs > held.all.untilMs) held.all = made;
  };

  const lowerFor = (factor: number, ms: number): void => {
    lowered = { factor, untilMs: clock.monoMs() + ms };
    lower(factor, lowered.untilMs);
  };

  const pause = (scope: Limit['scope'] = 'rest'): Pause | null => {
    const { untilMs, kind, reason, ...own } = held[scope];
    const ms = untilMs - clock.monoMs();
    return ms > 0 ? { ms, ban: kind === 'ban', scope: own.scope, reason } : null;
  };

  return {
    obey(limit, atMs, reason) {
      const nowMs = clock.monoMs();
      const { pauseMs, named, ban, scope } = limit;
      const grown = Math.min(pauseMs * stretch.factor(nowMs), Math.max(pauseMs, options.maxIntervalMs));
      const ms = named ? pauseMs : grown;
      hold(ms, limit, reason);
      // What was under way when the venue spoke is the same signal, not another.
      if (atMs >= limitedMs) stretch.limited(nowMs, nowMs + ms);
      limitedMs = nowMs;
      silent = 0;
      if (limit.lowered !== null) lowerFor(limit.lowered.factor, limit.lowered.forMs);
      return { ms, ban, scope, reason };
    },
    ended(isOk, answered) {
      const nowMs = clock.monoMs();
      silent = answered ? 0 : silent + 1;
      if (isOk) stretch.succeeded(nowMs);
      if (silent > 0 && silent % SILENT_REQUESTS === 0) stretch.limited(nowMs, nowMs);
    },
    pause,
    stretch: () => stretch.factor(clock.monoMs()),
    remember() {
      const nowMs = clock.monoMs();
      const nowUs = clock.wallUs();
      const wallUs = (untilMs: number): number => nowUs + Math.ceil((untilMs - nowMs) * 1000);
      const bans = [...new Set([held.all, held.rest])].filter((one) => one.untilMs > nowMs);
      const { factor, untilMs: loweredMs } = lowered;
      return {
        bans: bans.map(({ untilMs, ...ban }) => ({ untilUs: wallUs(untilMs), ...ban })),
        lowered: loweredMs > nowMs ? { factor, untilUs: wallUs(loweredMs) } : null,
      };
    },
    recall({ bans, lowered: low }) {
      const leftMs = (untilUs: number): number => (untilUs - clock.wallUs()) / 1000;
      if (low !== null && leftMs(low.untilUs) > 0) lowerFor(low.factor, leftMs(low.untilUs));
      for (const { untilUs, kind, scope, reason } of bans) {
        if (leftMs(untilUs) > 0) hold(leftMs(untilUs), { ban: kind === 'ban', scope }, reason);
      }
    },
  };
}
