/** Snapshots for the books of one feed: asked for when a book needs one, and again when none came. */

import type { BookMessage } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { FeedOptions, Located, RestCall, Venue } from '../core/venue.ts';
import type { Line } from './line.ts';
import type { Fact, Priority, RestText } from './protocol.ts';

/**
 * A book that is not joined this long after its snapshot was asked for is asked for again; each time the wait doubles,
 * since some venues count subscriptions (OKX: 480 an hour on a connection).
 */
const JOIN_TIMEOUT_MS = 10_000;
const JOIN_TIMEOUT_CAP_MS = 300_000;
/** A book that is subscribed anew again and again: so often at once, then after waits that double up to the cap. */
const AT_ONCE = 2;
const AGAIN_MS = 5_000;
const AGAIN_CAP_MS = 60_000;
/** One that was not for so long begins this anew. */
const CALM_MS = 300_000;
/** REST requests of one feed that are under way together: the governor is kept busy, and the rest can be put in order. */
const UNDER_WAY = 4;

export interface SnapshotsPort {
  readonly clock: Clock;
  readonly options: FeedOptions;
  lineOf(symbol: string): Line | undefined;
  isSynced(symbol: string): boolean;
  /** How much comes of it: events so far. */
  activity(symbol: string): number;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  /** A REST answer came. It is judged at once, and is then a snapshot that `arrived`, or has `failed`. */
  answered(answer: RestText): void;
  arrived(snapshot: BookMessage): void;
  /** An answer was no snapshot, or none came. */
  failed(symbol: string, code: string, message: string): void;
  report(type: string, more: Omit<Fact, 'type' | 'scope'>): void;
}

export interface Snapshots {
  ask(located: Located, reason: string): void;
  /** The venue pushes one by itself after a subscription that was just made: it is waited for. */
  expect(symbol: string): void;
  isAsked(symbol: string): boolean;
  forget(symbol: string): void;
  /** Books whose snapshot was asked for long ago, or whose asking failed, are asked for again. */
  watch(locate: (symbol: string) => Located | undefined): void;
  stop(): void;
}

export function createSnapshots(venue: Venue, port: SnapshotsPort): Snapshots {
  const { clock } = port;
  /** Books whose snapshot was asked for: when, and how often without success. */
  const asked = new Map<string, { readonly sinceMs: number; readonly tries: number }>();
  /** Books with a REST request under way, waiting for its permit perhaps: one at a time. */
  const fetching = new Set<string>();
  /** Books whose REST request waits for others to be answered. */
  const waiting = new Map<string, { readonly located: Located; readonly call: RestCall }>();
  /** Books that were subscribed anew lately: how often, and when the next time may be. */
  const again = new Map<
    string,
    { readonly times: number; readonly sinceMs: number; readonly nextMs: number }
  >();
  /** Books that wait for that time, and why they are to be. */
  const held = new Map<string, string>();
  let stopped = false;

  const expect = (symbol: string): void => {
    held.delete(symbol);
    asked.set(symbol, { sinceMs: clock.monoMs(), tries: (asked.get(symbol)?.tries ?? -1) + 1 });
  };

  /** The busiest books first: in a thousand that were lost together they lose the most while they wait. */
  const next = (): void => {
    while (fetching.size < UNDER_WAY && waiting.size > 0) {
      let busiest: { readonly located: Located; readonly call: RestCall } | null = null;
      let most = -1;
      for (const one of waiting.values()) {
        const activity = port.activity(one.located.symbol);
        if (activity > most) [busiest, most] = [one, activity];
      }
      if (busiest === null) return;
      waiting.delete(busiest.located.symbol);
      fetch(busiest.located, busiest.call);
    }
  };

  /** One request for a book at a time; the answer may lead to the next. */
  const fetch = (located: Located, call: RestCall): void => {
    const { symbol } = located;
    fetching.add(symbol);
    void port.ask(call, 'resync').then((answer) => {
      fetching.delete(symbol);
      if (stopped) return;
      asked.set(symbol, { sinceMs: clock.monoMs(), tries: 0 });
      if (!answer.ok) port.failed(symbol, answer.error.code, answer.error.message);
      else {
        port.answered(answer.value);
        const snapshot = venue.rest.readDepth(answer.value.text, located, answer.value.localUs);
        if (snapshot.ok) port.arrived(snapshot.value);
        else port.failed(symbol, snapshot.error.code, snapshot.error.message);
      }
      next();
    });
  };

  const ask = (located: Located, reason: string): void => {
    const line = port.lineOf(located.symbol);
    // A closed connection brings a snapshot, or the first delta, by itself when it is open again.
    if (stopped || !line?.isUp()) return;
    const call = venue.rest.depth(located, port.options.depth);
    if (call !== null) {
      if (fetching.has(located.symbol)) return;
      waiting.set(located.symbol, { located, call });
      return next();
    }
    if (venue.bookRule(located.market).snapshot !== 'subscribe') return;
    subscribe(located.symbol, line, reason);
  };

  const subscribe = (symbol: string, line: Line, reason: string): void => {
    const nowMs = clock.monoMs();
    const { times, nextMs } = again.get(symbol) ?? { times: 0, nextMs: 0 };
    if (nowMs < nextMs) {
      if (!held.has(symbol)) held.set(symbol, reason);
      return;
    }
    const waitMs = times + 1 < AT_ONCE ? 0 : Math.min(AGAIN_CAP_MS, AGAIN_MS * 2 ** (times + 1 - AT_ONCE));
    again.set(symbol, { times: times + 1, sinceMs: nowMs, nextMs: nowMs + waitMs });
    expect(symbol);
    if (line.subscriptions.again(symbol)) port.report('resubscribe', { symbol, reason });
  };

  /** Those whose time has come. */
  const watchHeld = (locate: (symbol: string) => Located | undefined): void => {
    const nowMs = clock.monoMs();
    for (const [symbol, { sinceMs }] of [...again]) if (nowMs - sinceMs >= CALM_MS) again.delete(symbol);
    for (const [symbol, reason] of [...held]) {
      const located = locate(symbol);
      if (port.isSynced(symbol) || located === undefined) held.delete(symbol);
      else ask(located, reason);
    }
  };

  return {
    ask,
    expect,
    isAsked: (symbol) => asked.has(symbol) || held.has(symbol),
    forget(symbol) {
      asked.delete(symbol);
      waiting.delete(symbol);
      held.delete(symbol);
    },
    watch(locate) {
      watchHeld(locate);
      for (const [symbol, { sinceMs, tries }] of [...asked]) {
        const waitMs = Math.min(JOIN_TIMEOUT_CAP_MS, JOIN_TIMEOUT_MS * 2 ** tries);
        const located = locate(symbol);
        if (port.isSynced(symbol) || located === undefined) asked.delete(symbol);
        else if (clock.monoMs() - sinceMs >= waitMs) ask(located, 'no snapshot came');
      }
    },
    stop() {
      stopped = true;
    },
  };
}
