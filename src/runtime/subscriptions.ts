/**
 * What one connection was asked for, stream by stream: taken or refused, heard or not. What is refused, ignored or
 * falls silent is asked for again, alone, and is an error with its name until it is heard.
 */

import type { Feed } from '../core/event.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import type { ConnectionPlan, Subscription, Venue } from '../core/venue.ts';
import { chunks } from '../venues/kit.ts';
import type { Rates } from './rates.ts';

/** A request is answered within this time. */
const ACK_MS = 10_000;
/** An error is asked for again after so long, and then ever less often. */
const AGAIN_MS = 60_000;
const AGAIN_CAP_MS = 1_800_000;
/** Books that break together are asked for together: some venues count requests (OKX: 480 an hour). */
const TOGETHER_MS = 20;

export interface SubscriptionsPort {
  readonly clock: Clock;
  readonly feed: Feed;
  readonly request: Venue['request'];
  readonly rates: Rates;
  /** Sends texts, paced (`Link`); gives when the last one leaves, ms from now; null: none is sent. */
  say(texts: readonly string[]): number | null;
  report(type: 'refused' | 'silent' | 'resubscribe', more: Readonly<Record<string, string>>): void;
}

export interface Subscriptions {
  /** The connection is open and says its hellos. */
  up(): void;
  down(): void;
  acked(name: string): void;
  /** False: it is not known what was refused. */
  refused(name: string, reason: string): boolean;
  /** A message of this stream; of an unknown one where the frame does not tell. */
  heard(stream: string): void;
  /**
   * Asks for a symbol anew, so that the venue begins it again; a request for it that has not left yet does so. False: it
   * is in error, and is asked for in its time.
   */
  again(symbol: string): boolean;
  /** Each second. */
  watch(): void;
  /** Each was taken, heard or given up for now. */
  isSettled(): boolean;
  /** For how long nothing has come although by its own rate something should have, ms; else null. */
  stalledMs(): number | null;
  /** By symbol. */
  errors(): ReadonlyMap<string, string>;
  /** Taken or heard so long ago, of no known rate, and no error: a quiet market, or a deaf stream. */
  unheard(forMs: number): readonly Subscription[];
  /** It is proved to have brought nothing for so long. */
  deaf(stream: string, forMs: number, reason: string): void;
}

interface State {
  readonly sub: Subscription;
  /** The request that asked for it last. */
  id: number;
  /** When its request is sent, ms. */
  askedMs: number;
  asks: number;
  ackedMs: number | null;
  /** Messages since the newest look. */
  fresh: number;
  /** The newest look that found any; null: none since it was opened. */
  heardMs: number | null;
  error: string | null;
  /** By its newest answer. */
  isRefused: boolean;
  failures: number;
  againMs: number;
}

export function createSubscriptions(plan: ConnectionPlan, port: SubscriptionsPort): Subscriptions {
  const { clock, rates } = port;
  const states = new Map<string, State>();
  let isUp = false;
  let upMs = 0;
  let lastMs = 0;
  let fresh = 0;
  let nextId = 0;
  const due = new Set<State>();
  let asking: Cancel | null = null;

  const all = (): State[] => [...states.values()];

  const asked = (state: State, id: number, askedMs: number): void => {
    state.id = id;
    state.askedMs = askedMs;
    state.asks += 1;
    state.ackedMs = null;
  };

  /**
   * In one request. A trade stream is not ended first: what it brings meanwhile would be lost. Nor one never taken.
   * False: they are left as they were, and another connection is to come.
   */
  const ask = (some: readonly State[]): boolean => {
    const streams = some.map(({ sub }) => sub.stream);
    const ending = some.filter(({ isRefused }) => !isRefused).map(({ sub }) => sub.stream);
    const ends =
      port.feed === 'trades' || ending.length === 0 ? [] : [port.request('unsubscribe', ending, ++nextId)];
    const id = ++nextId;
    const leavesMs = port.say([...ends, port.request('subscribe', streams, id)]);
    if (leavesMs === null) return false;
    for (const state of some) asked(state, id, clock.monoMs() + leavesMs);
    return true;
  };

  /** The busiest first: they lose the most while they wait. */
  const askDue = (): void => {
    asking = null;
    const lateness = ({ sub }: State): number => rates.lateMs(plan, sub.stream) ?? Number.POSITIVE_INFINITY;
    const some = [...due].filter(isSent).sort((a, b) => compare(lateness(a), lateness(b)));
    due.clear();
    for (const part of chunks(some, mostTogether(plan))) if (!ask(part)) return;
  };

  const askFor = (state: State, reason: string): boolean => {
    const { symbol, stream } = state.sub;
    if (!ask([state])) return false;
    port.report('resubscribe', { connection: plan.name, symbol, stream, reason });
    return true;
  };

  const fail = (state: State, type: 'refused' | 'silent', reason: string): void => {
    const { symbol, stream } = state.sub;
    state.error = `${stream}: ${reason}`;
    state.againMs = clock.monoMs() + Math.min(AGAIN_CAP_MS, AGAIN_MS * 2 ** state.failures);
    state.failures += 1;
    state.isRefused = type === 'refused';
    port.report(type, { connection: plan.name, symbol, stream, reason });
  };

  const refusedAll = (some: readonly State[], reason: string): void => {
    const [only] = some;
    if (only !== undefined && some.length === 1) return fail(only, 'refused', reason);
    // One of them is bad, and took the others with it.
    for (const state of some) state.isRefused = true;
    for (const state of some) askFor(state, `refused together: ${reason}`);
  };

  const isSent = ({ askedMs }: State): boolean => askedMs <= clock.monoMs();

  const isWaiting = (state: State): boolean => state.ackedMs === null && state.error === null;

  const sample = (nowMs: number): void => {
    if (fresh > 0) {
      rates.arrived(plan, null, nowMs);
      lastMs = nowMs;
    }
    fresh = 0;
    for (const state of states.values()) {
      if (state.fresh === 0) continue;
      state.fresh = 0;
      state.heardMs = nowMs;
      state.ackedMs ??= nowMs;
      state.error = null;
      state.isRefused = false;
      state.failures = 0;
      state.asks = 1;
      rates.arrived(plan, state.sub.stream, nowMs);
    }
  };

  const stalledMs = (): number | null => {
    const lateMs = rates.lateMs(plan, null);
    const silentMs = clock.monoMs() - lastMs;
    return isUp && fresh === 0 && lateMs !== null && silentMs >= lateMs ? silentMs : null;
  };

  const isUnheard = ({ sub, ackedMs, heardMs, fresh: some, error }: State, forMs: number): boolean => {
    const isQuiet = heardMs === null ? sub.soonMs === null : rates.lateMs(plan, sub.stream) === null;
    const sinceMs = heardMs ?? ackedMs ?? Number.POSITIVE_INFINITY;
    return isUp && isQuiet && error === null && some === 0 && clock.monoMs() - sinceMs >= forMs;
  };

  const judge = (state: State, nowMs: number): void => {
    // It is about to be asked for.
    if (due.has(state)) return;
    const { soonMs, stream } = state.sub;
    if (state.error !== null) {
      if (nowMs >= state.againMs && askFor(state, 'an error before')) state.error = null;
      return;
    }
    const missing =
      state.ackedMs === null
        ? nowMs - state.askedMs >= ACK_MS && 'not acknowledged'
        : state.heardMs === null && soonMs !== null && nowMs - state.ackedMs >= soonMs && 'brings nothing';
    if (missing !== false) {
      if (state.asks > 1) fail(state, 'silent', missing);
      else askFor(state, missing);
      return;
    }
    const lateMs = rates.lateMs(plan, stream);
    // A whole connection that is silent is opened again.
    if (stalledMs() !== null || state.heardMs === null || lateMs === null || nowMs - state.heardMs < lateMs)
      return;
    state.heardMs = null;
    fail(state, 'silent', `silent for ${Math.round(lateMs / 1000)} s while others are not`);
    askFor(state, 'silent');
  };

  return {
    up() {
      isUp = true;
      upMs = clock.monoMs();
      lastMs = upMs;
      fresh = 0;
      nextId = plan.hellos.length;
      for (const sub of plan.subscriptions) {
        const { failures = 0 } = states.get(sub.stream) ?? {};
        states.set(sub.stream, {
          sub,
          id: sub.hello,
          askedMs: upMs + (sub.hello - 1) * plan.paceMs,
          asks: 1,
          ackedMs: null,
          fresh: 0,
          heardMs: null,
          error: null,
          isRefused: false,
          failures,
          againMs: 0,
        });
      }
    },
    down() {
      isUp = false;
      asking?.();
      asking = null;
      due.clear();
    },
    acked(name) {
      const nowMs = clock.monoMs();
      const byName = states.get(name);
      const taken = byName === undefined ? all().filter(({ id }) => String(id) === name) : [byName];
      for (const state of taken) state.ackedMs ??= nowMs;
    },
    refused(name, reason) {
      const byName = states.get(name);
      const waiting = all().filter(isWaiting);
      const named = byName === undefined ? waiting.filter(({ id }) => String(id) === name) : [byName];
      // What names nothing can only be the one that waits for its answer.
      const meant = named.length > 0 || waiting.length > 1 ? named : waiting;
      refusedAll(meant, reason);
      return meant.length > 0;
    },
    heard(stream) {
      fresh += 1;
      const state = states.get(stream);
      if (state !== undefined) state.fresh += 1;
    },
    again(symbol) {
      const own = all().filter(({ sub, error }) => sub.symbol === symbol && error === null);
      for (const state of own) due.add(state);
      if (due.size > 0) asking ??= clock.after(TOGETHER_MS, askDue);
      return own.length > 0;
    },
    watch() {
      if (!isUp) return;
      const nowMs = clock.monoMs();
      sample(nowMs);
      for (const state of states.values()) judge(state, nowMs);
    },
    isSettled: () => isUp && all().every((state) => !isWaiting(state) || state.fresh > 0),
    stalledMs,
    errors: () =>
      new Map(all().flatMap(({ sub, error }) => (error === null ? [] : [[sub.symbol, error] as const]))),
    unheard: (forMs) =>
      all()
        .filter((state) => isUnheard(state, forMs))
        .map(({ sub }) => sub),
    deaf(stream, forMs, reason) {
      const state = states.get(stream);
      if (state === undefined || !isUnheard(state, forMs)) return;
      state.heardMs = null;
      fail(state, 'silent', reason);
      askFor(state, reason);
    },
  };
}

/** Also of two that are infinite. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

/** As many streams as the venue's hellos hold. */
function mostTogether({ subscriptions }: ConnectionPlan): number {
  const counts = new Map<number, number>();
  for (const { hello } of subscriptions) counts.set(hello, (counts.get(hello) ?? 0) + 1);
  return Math.max(1, ...counts.values());
}
