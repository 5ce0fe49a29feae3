/** What is missing of one feed, and its filling: the gaps, the back-fill, and what both need of the feed. */

import type { DriftVerdict } from '../core/drift.ts';
import type { MarketEvent, Trade } from '../core/event.ts';
import type { GapChange, GapKind } from '../core/gap.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { ConnectionPlan, Located, RestCall, Venue } from '../core/venue.ts';
import { adoptedOf, lowestAbove } from './adopt.ts';
import { createBackfill } from './backfill.ts';
import { createGaps } from './gaps.ts';
import type { Fact, FetcherInit, Left, Priority, RestText } from './protocol.ts';
import type { HoleEnds, Page } from './trade-page.ts';

/** A feed that works and gives nothing for so long gives what there is by REST. */
const QUIET_MS = 5_000;

export interface HolesPort {
  readonly clock: Clock;
  readonly random: Random;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  locate(symbol: string): Located | undefined;
  /** Events of it are being lost: the queue is full. */
  isLosing(symbol: string): boolean;
  /** Answers by REST stand in for the book's stream. */
  isPolled(symbol: string): boolean;
  /** The connection that it comes over is open, and its subscriptions were taken. */
  isServed(symbol: string): boolean;
  filled(located: Located, ends: HoleEnds, answer: RestText): Result<Page>;
  changed(change: GapChange): void;
  report(type: string, more: Omit<Fact, 'type' | 'scope'>): void;
}

export interface Holes {
  /** What earlier runs left. */
  resume(left: Left): void;
  row(event: MarketEvent): void;
  lost(symbol: string, kind: GapKind, reason: string): void;
  /** Polled trades do not reach back to those before (`IntakePort`). */
  unjoined(symbol: string, before: Trade | null, behind: Trade): void;
  /** A book that nothing numbers was held against a pushed snapshot. */
  compared(verdict: DriftVerdict): void;
  /** A synced book was given up. */
  lostBook(symbol: string, reason: string): void;
  up(plan: ConnectionPlan): void;
  down(plan: ConnectionPlan, code: string, why: string): void;
  /** We ended the connection: another has its streams, or nobody wants them. */
  closed(plan: ConnectionPlan): void;
  /** A frame of the connection was refused: what it held is not known. */
  doubt(plan: ConnectionPlan): void;
  /** Asked by REST: nothing new, and nothing left out. */
  quiet(symbol: string): void;
  /** Gaps that have not ended. */
  open(): number;
  of(symbol: string): { readonly backfilled: number; readonly missing: number };
  forget(symbol: string): void;
  stop(): void;
}

export function createHoles(
  venue: Venue,
  init: Pick<FetcherInit, 'feed' | 'options' | 'transport'>,
  port: HolesPort,
): Holes {
  const { clock } = port;
  const { feed, options } = init;
  const totals = new Map<string, { backfilled: number; missing: number }>();
  /** By connection: when it is asked what it does not give. */
  const timers = new Map<string, Cancel>();
  const closed = ({ name }: ConnectionPlan): void => {
    timers.get(name)?.();
    timers.delete(name);
  };
  /** Rows that are made now fill a hole. */
  let isFilling = false;

  const marketOf = (symbol: string) => port.locate(symbol)?.market ?? 'spot';
  const tradeIds = (symbol: string) => venue.tradeIds(marketOf(symbol), options);

  const gaps = createGaps({
    ...{ venue: venue.id, feed, wallUs: clock.wallUs, tradeIds },
    isOwnCount: (symbol) => venue.bookRule(marketOf(symbol)).snapshot === 'pushed',
    isSample: (symbol) => init.transport === 'ws' && port.isPolled(symbol),
    begun({ symbol, kind, reason }) {
      if (kind === 'sequence' || kind === 'overflow' || kind === 'drift')
        port.report('gap', { symbol, kind, reason });
    },
    changed(change) {
      const { symbol } = change.gap;
      if (change.state === 'closed') {
        const { backfilled, missing, repaired, how } = change.end;
        const total = totals.get(symbol) ?? { backfilled: 0, missing: 0 };
        totals.set(symbol, total);
        total.backfilled += backfilled;
        total.missing += missing ?? 0;
        if (backfilled > 0) port.report('backfill', { symbol, rows: backfilled, missing, repaired, how });
      }
      port.changed(change);
    },
    fill: (hole) => backfill.fill(hole),
    withdraw: (hole) => backfill.withdraw(hole),
  });

  const backfill = createBackfill(venue, {
    ...{ clock, random: port.random, options, tradeIds, ask: port.ask },
    locate: port.locate,
    isLosing: port.isLosing,
    apply(located, ends, answer) {
      isFilling = true;
      const page = port.filled(located, ends, answer);
      isFilling = false;
      return page;
    },
    asked: gaps.asked,
    done: gaps.close,
  });

  return {
    resume({ last, seen, open, because }) {
      for (const { gap, to } of open) {
        if (port.locate(gap.symbol) === undefined) continue;
        const ids = seen[gap.symbol] ?? [];
        const how = feed === 'trades' ? adoptedOf(venue, gap, to, ids) : null;
        gaps.adopt(gap, how, to ?? lowestAbove(gap.from.id ?? '', ids));
      }
      for (const [symbol, side] of Object.entries(last)) gaps.resumed(symbol, side, because);
    },
    row(event) {
      if (!isFilling) gaps.row(event);
    },
    lost: gaps.lost,
    unjoined(symbol, before, behind) {
      const rule = tradeIds(symbol);
      const reason = 'polled trades do not reach those before';
      // Where ids are counted, they tell.
      if (before === null || rule === 'count' || rule === 'fills') gaps.lost(symbol, 'sequence', reason);
      else gaps.between(before, behind, reason);
    },
    compared({ symbol, compared, differing }) {
      if (compared > 0 && differing === 0) gaps.agreed(symbol);
    },
    lostBook: (symbol, reason) => gaps.lost(symbol, kindOf(reason), reason),
    up(plan) {
      if (feed !== 'trades') return;
      const ask = (): void => {
        const unserved = plan.instruments.filter(({ symbol }) => !port.isServed(symbol));
        for (const one of plan.instruments) if (!unserved.includes(one)) gaps.quiet(one.symbol);
        if (unserved.length > 0) timers.set(plan.name, clock.after(QUIET_MS, ask));
      };
      closed(plan);
      timers.set(plan.name, clock.after(QUIET_MS, ask));
    },
    down(plan, code, why) {
      closed(plan);
      const kind = code === 'silent' || code === 'stall' ? 'stall' : 'disconnect';
      for (const { symbol } of plan.instruments) gaps.lost(symbol, kind, why);
    },
    closed,
    doubt(plan) {
      if (feed !== 'trades') return;
      for (const { symbol } of plan.instruments) {
        const rule = tradeIds(symbol);
        // Where ids are counted, the next one tells.
        if (rule === 'grow' || rule === 'names') gaps.lost(symbol, 'sequence', 'a frame was refused');
      }
    },
    quiet: gaps.quiet,
    open: () => gaps.count(),
    of: (symbol) => totals.get(symbol) ?? NONE,
    forget(symbol) {
      totals.delete(symbol);
      gaps.forget(symbol);
      backfill.forget(symbol);
    },
    stop() {
      for (const cancel of timers.values()) cancel();
      backfill.stop();
    },
  };
}

const NONE = { backfilled: 0, missing: 0 };

/** Of what a book was given up for. */
function kindOf(reason: string): GapKind {
  if (reason === 'disconnect' || reason === 'overflow') return reason;
  return reason.startsWith('drift') || reason === 'crossed' ? 'drift' : 'sequence';
}
