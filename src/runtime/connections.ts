/**
 * The connections of one feed: one for each plan, held for ever. Before its life ends, on the venue's notice, and when
 * its plan changes, another is opened beside it; it is closed when that one serves all that it served.
 */

import type { Feed } from '../core/event.ts';
import type { Clock, Random } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan, Venue } from '../core/venue.ts';
import { createConnectPacer } from './connect-pacer.ts';
import { type Line, openLine } from './line.ts';
import { PAUSED } from './link.ts';
import type { Fact } from './protocol.ts';
import { baseOf, createRates } from './rates.ts';
import { isSame, isServing, linesOf, newSlot, otherName, renewalMs, type Slot } from './slot.ts';

export interface ConnectionsPort {
  readonly clock: Clock;
  readonly random: Random;
  readonly feed: Feed;
  readonly request: Venue['request'];
  /** The first connections are opened so much later, ms. */
  readonly pausedMs: number;
  open(plan: ConnectionPlan, handlers: SourceHandlers): Source;
  /** It is to be held from now on, and not open yet. */
  onBegin(plan: ConnectionPlan): void;
  onUp(plan: ConnectionPlan): void;
  onFrame(plan: ConnectionPlan, text: string, localUs: number): void;
  /** It ended; with `wasUp` false, an attempt to open it failed. `isServed`: another has its streams. */
  onDown(plan: ConnectionPlan, why: Failure, wasUp: boolean, isServed: boolean): void;
  /** We ended it: another has its streams, or nobody wants them. */
  onClosed(plan: ConnectionPlan): void;
  /** Nothing of this plan is wanted any more. */
  onGone(plan: ConnectionPlan): void;
  /** Whether symbols still come over this connection alone. */
  isNeeded(connection: string): boolean;
  report(type: string, more: Omit<Fact, 'type' | 'scope'>): void;
}

export interface Connections {
  start(plans: readonly ConnectionPlan[]): void;
  /** Each second. */
  watch(): void;
  /** Goes over to these, without a gap: what stays the same is left alone. */
  replan(plans: readonly ConnectionPlan[]): void;
  /** One for each plan. */
  all(): readonly { isUp(): boolean; reconnects(): number }[];
  /** The one that a symbol's messages come over, or soon will. */
  of(symbol: string): Line | undefined;
  /** By its name: `spot`, `spot~2`. */
  named(connection: string): Line | undefined;
  lines(): readonly Line[];
  /** The venue said this of a connection (`IntakePort.said`). False: nobody has told of it yet. */
  said(connection: string, what: 'ack' | 'refused' | 'notice', text: string, name: string): boolean;
  /** Subscriptions in error, by symbol. */
  errors(): ReadonlyMap<string, string>;
  /** Closes them, and keeps them closed for so long, ms. */
  pause(ms: number): void;
  stop(): void;
}

export function createConnections(port: ConnectionsPort): Connections {
  const { clock, random } = port;
  const rates = createRates(port.feed);
  const pacer = createConnectPacer(clock);
  const slots = new Map<string, Slot>();
  /** Slots whose plan is gone: closed when all that was planned with it serves. */
  let gone: Slot[] = [];
  /** Until then the venue wants no session. */
  let pausedUntilMs = clock.monoMs() + port.pausedMs;
  const byName = new Map<string, Line>();

  const everyone = (): Slot[] => [...slots.values(), ...gone];
  const slotOf = (line: Line): Slot | undefined => everyone().find((slot) => linesOf(slot).includes(line));

  const create = (plan: ConnectionPlan): Line => {
    const line: Line = openLine(plan, {
      ...port,
      rates,
      pacer,
      pausedMs: Math.max(0, pausedUntilMs - clock.monoMs()),
      onUp() {
        live(line);
        port.onUp(plan);
      },
      onDown: (why, wasUp) => onDown(line, why, wasUp),
      onFull() {
        const slot = slotOf(line);
        if (slot !== undefined) renew(slot, 'requests');
      },
    });
    byName.set(plan.name, line);
    return line;
  };

  const live = (line: Line): void => {
    const slot = slotOf(line);
    const { lifeMs } = line.plan;
    if (slot === undefined || lifeMs === null) return;
    slot.cancelLife();
    slot.cancelLife = clock.after(renewalMs(lifeMs, random), () => renew(slot, 'lifetime'));
  };

  const begin = (plan: ConnectionPlan, isReplanned: boolean): void => {
    port.onBegin(plan);
    slots.set(baseOf(plan.name), newSlot(plan, create(plan), isReplanned));
  };

  const renew = (slot: Slot, reason: string): void => {
    if (slot.next !== null || gone.includes(slot)) return;
    slot.reason = reason;
    slot.nextSinceMs = clock.monoMs();
    slot.settledMs = null;
    slot.isNoticed = false;
    slot.next = create({ ...slot.plan, name: otherName(slot) });
    tell(slot, 'begun');
  };

  const tell = ({ line, next, reason, nextSinceMs }: Slot, state: 'begun' | 'done', old = line): void => {
    const connection = (next ?? line).plan.name;
    const sec = Math.round(clock.monoMs() - nextSinceMs) / 1000;
    port.report('handover', {
      connection,
      from: old.plan.name,
      state,
      reason,
      ...(state === 'done' && { sec }),
    });
  };

  const onDown = (line: Line, why: Failure, wasUp: boolean): void => {
    const slot = slotOf(line);
    const other = slot && linesOf(slot).find((one) => one !== line);
    if (slot?.next && slot.line === line) {
      // The one that was to follow does so now.
      close(slot, line);
      slot.reconnects += 1;
      slot.line = slot.next;
      slot.next = null;
    }
    port.onDown(line.plan, why, wasUp, other?.isUp() ?? false);
  };

  const close = (slot: Slot, line: Line): void => {
    slot.reconnects += line.reconnects();
    line.stop();
    byName.delete(line.plan.name);
  };

  /** Ends one of ours, up or not. */
  const end = (slot: Slot, line: Line): void => {
    close(slot, line);
    port.onClosed(line.plan);
  };

  const isServed = (slot: Slot): boolean => isServing(slot, clock.monoMs(), port.isNeeded);

  const finish = (slot: Slot): void => {
    const { line: old, next } = slot;
    slot.isReplanned = false;
    if (next === null) return;
    slot.line = next;
    slot.next = null;
    end(slot, old);
    tell(slot, 'done', old);
    if (slot.isNoticed) renew(slot, 'notice');
  };

  const hand = (): void => {
    const replanned = [...slots.values()].filter((slot) => slot.isReplanned);
    const isReady = replanned.every(isServed);
    if (isReady) {
      for (const slot of replanned) finish(slot);
      const ending = gone;
      gone = [];
      for (const slot of ending) {
        slot.cancelLife();
        for (const line of linesOf(slot)) end(slot, line);
        port.onGone(slot.plan);
      }
    }
    for (const slot of slots.values())
      if (!slot.isReplanned && slot.next !== null && isServed(slot)) finish(slot);
  };

  const watch = (): void => {
    for (const slot of everyone())
      for (const line of linesOf(slot)) {
        const silentMs = line.subscriptions.stalledMs();
        line.subscriptions.watch();
        if (silentMs === null) continue;
        rates.stalled(line.plan);
        line.drop(failure('stall', `stalled: no data for ${Math.round(silentMs / 1000)} s`));
      }
    hand();
  };

  /** Ends one that the venue does not want now: what came over it is missing from here on. */
  const lose = (slot: Slot, line: Line): void => {
    if (!line.isUp()) return end(slot, line);
    close(slot, line);
    port.onDown(line.plan, PAUSED, true, false);
  };

  const drop = (slot: Slot, ended: typeof end): void => {
    if (slot.next === null) return;
    const { next } = slot;
    slot.next = null;
    ended(slot, next);
  };

  const change = (slot: Slot, plan: ConnectionPlan): void => {
    if (isSame(slot.plan, plan)) return;
    slot.plan = plan;
    drop(slot, end);
    slot.isReplanned = true;
    if (slot.line.isUp()) return renew(slot, 'settings');
    // Nothing comes over it that could be lost.
    replace(slot);
  };

  const replace = (slot: Slot): void => {
    const old = slot.line;
    slot.line = create({ ...slot.plan, name: otherName(slot) });
    lose(slot, old);
    port.onBegin(slot.line.plan);
  };

  /** The venue is about to end it. */
  const noticed = (connection: string): void => {
    const slot = slots.get(baseOf(connection));
    if (slot?.next?.plan.name === connection) slot.isNoticed = true;
    else if (slot !== undefined) renew(slot, 'notice');
  };

  return {
    start(plans) {
      for (const plan of plans) begin(plan, false);
    },
    watch,
    replan(plans) {
      rates.keep(plans);
      const wanted = new Map(plans.map((plan) => [baseOf(plan.name), plan] as const));
      for (const [base, slot] of [...slots]) {
        if (wanted.has(base)) continue;
        slots.delete(base);
        gone.push(slot);
      }
      for (const [base, plan] of wanted) {
        const slot = slots.get(base) ?? gone.find((one) => baseOf(one.plan.name) === base);
        if (slot === undefined) {
          begin(plan, true);
          continue;
        }
        // Wanted again before it was closed.
        gone = gone.filter((one) => one !== slot);
        slots.set(base, slot);
        change(slot, plan);
      }
    },
    all: () =>
      [...slots.values()].map((slot) => ({
        isUp: () => linesOf(slot).some((line) => line.isUp()),
        reconnects: () => slot.reconnects + linesOf(slot).reduce((sum, line) => sum + line.reconnects(), 0),
      })),
    of(symbol) {
      const own = everyone()
        .flatMap(linesOf)
        .filter(({ plan }) => plan.instruments.some((one) => one.symbol === symbol));
      return own.findLast((line) => line.isUp()) ?? own[0];
    },
    named: (connection) => byName.get(connection),
    lines: () => [...byName.values()],
    said(connection, what, text, name) {
      const line = byName.get(connection);
      if (what === 'notice') noticed(connection);
      if (what === 'ack') line?.subscriptions.acked(name);
      const isTold = what === 'refused' && line?.subscriptions.refused(name, text.slice(0, 200)) === true;
      return isTold || what === 'ack';
    },
    errors: () => new Map([...slots.values()].flatMap(({ line }) => [...line.subscriptions.errors()])),
    pause(ms) {
      pausedUntilMs = Math.max(pausedUntilMs, clock.monoMs() + ms);
      for (const slot of everyone()) {
        drop(slot, lose);
        if (isSame(slot.plan, slot.line.plan)) slot.line.pause(ms);
        else replace(slot);
      }
    },
    stop() {
      for (const slot of everyone()) {
        slot.cancelLife();
        for (const line of linesOf(slot)) line.stop();
      }
    },
  };
}
