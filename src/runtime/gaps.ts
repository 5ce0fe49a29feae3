/**
 * The gaps of one feed: found, kept open until what is behind them is there, and told. A symbol that never gave a row
 * has none: nothing is missing from what has not begun.
 */

import type { Feed, MarketEvent, Trade } from '../core/event.ts';
import { type Gap, type GapChange, type GapEnd, type GapKind, type GapSide, sideOf } from '../core/gap.ts';
import { compareIds, idsBetween, lowestId, type TradeIdRule } from '../core/trade-order.ts';
import { createTradePace } from './trade-pace.ts';

export interface GapsPort {
  readonly venue: string;
  readonly feed: Feed;
  /** µs UTC. */
  wallUs(): number;
  tradeIds(symbol: string): TradeIdRule;
  /** The book's numbers are our own count: the same one again proves nothing. */
  isOwnCount(symbol: string): boolean;
  /** Answers by REST stand in for the book's stream: they are no end of a gap. */
  isSample(symbol: string): boolean;
  begun(gap: Gap): void;
  changed(change: GapChange): void;
  /** Trades are missing between two rows, or behind the newest one. */
  fill(hole: Hole): void;
  /** More is missing behind it: it is not to be filled yet. */
  withdraw(hole: Hole): void;
}

/** A gap that has not ended. */
export interface Hole {
  readonly gap: Gap;
  /** The newest trade before it, or of what was fetched behind that. */
  after: string;
  /** The first row behind it; null while there is none. */
  behind: { readonly id: string; readonly side: GapSide } | null;
  /** The newest (going up) or oldest (going down) trade that an earlier run fetched; null: it fetched none. */
  readonly at: string | null;
  /** A request was made for it: what it is asked for does not change any more. */
  isAsked: boolean;
}

interface Open extends Hole {
  isFilling: boolean;
  /** The feed was lost again while it was asked for what lies behind: another gap follows. */
  isCut: boolean;
}

/** How far an earlier run came with a gap that it left open. */
export interface Adopted {
  /** The newest trade before what is still missing. */
  readonly after: string;
  readonly behind: GapSide | null;
  readonly at: string | null;
}

export interface Gaps {
  /** An earlier run of the thread, or of the program, ended with this row. */
  resumed(symbol: string, newest: GapSide, reason: string): void;
  /** It left this one open. Null: its file does not show how much of it was fetched. */
  adopt(gap: Gap, how: Adopted | null, to: GapSide): void;
  /** A book that is held against pushed snapshots was right. */
  agreed(symbol: string): void;
  /** From now on rows can be missing; by drift, since the book was last known to be right. */
  lost(symbol: string, kind: GapKind, reason: string): void;
  /** Some are missing between these two, whatever came beside them. */
  between(before: Trade, behind: Trade, reason: string): void;
  /** A row, in order; one that was fetched to fill a hole is none of these. */
  row(event: MarketEvent): void;
  /** The feed works, and nothing has come: what is missing can be asked for. */
  quiet(symbol: string): void;
  /** A first request is made for it. */
  asked(hole: Hole): void;
  /** `newest`: of the trades that were fetched for it. */
  close(hole: Hole, end: GapEnd, newest: GapSide | null): void;
  /** The symbol is recorded no more. */
  forget(symbol: string): void;
  /** Gaps that have not ended. */
  count(): number;
}

const NOTHING = { missing: 0, backfilled: 0, repaired: 'full' } as const;
const UNKNOWN = { missing: null, backfilled: 0 } as const;

export function createGaps(port: GapsPort): Gaps {
  const { venue, feed } = port;
  const newest = new Map<string, MarketEvent | GapSide>();
  const open = new Map<string, Open[]>();
  /** Books that gave a change: of the others snapshots are all there is. */
  const changing = new Set<string>();
  const pace = createTradePace();
  /** Books that nothing numbers: where they were last known to be right. */
  const right = new Map<string, GapSide>();
  let found = 0;

  const sideAt = (symbol: string): GapSide => asSide(newest.get(symbol));

  const begin = (symbol: string, kind: GapKind, reason: string, after = sideAt(symbol)): Open => {
    found += 1;
    const id = `${venue}.${feed}.${symbol}.${port.wallUs()}.${found}`;
    const from = (kind === 'drift' ? right.get(symbol) : undefined) ?? after;
    const gap: Gap = { id, venue, feed, symbol, kind, reason, from };
    port.begun(gap);
    port.changed({ state: 'open', gap });
    return keep(gap);
  };

  const keep = (gap: Gap, after = gap.from.id ?? '', at: string | null = null): Open => {
    const state = { behind: null, isAsked: false, isFilling: false, isCut: false };
    const made: Open = { gap, after, at, ...state };
    open.set(gap.symbol, [...(open.get(gap.symbol) ?? []), made]);
    return made;
  };

  const setBehind = (hole: Open, id: string, side: GapSide): void => {
    hole.behind = { id, side };
    fill(hole);
    // Of other ids the file will show it. A row that stands for several fills shows only the last of them.
    if (port.tradeIds(hole.gap.symbol) === 'fills') port.changed({ state: 'open', gap: hole.gap, to: side });
  };

  const end = (hole: Hole, how: GapEnd): void => {
    const { symbol } = hole.gap;
    const left = (open.get(symbol) ?? []).filter((one) => one !== hole);
    if (left.length > 0) open.set(symbol, left);
    else open.delete(symbol);
    port.changed({ state: 'closed', gap: hole.gap, end: how });
  };

  /** The newest, where nothing lies behind it yet. */
  const last = (symbol: string): Open | undefined => {
    const hole = open.size === 0 ? undefined : open.get(symbol)?.at(-1);
    return hole?.behind === null && !hole.isCut ? hole : undefined;
  };

  const fill = (hole: Open): void => {
    if (hole.isFilling) return;
    hole.isFilling = true;
    port.fill(hole);
  };

  const onTrade = (trade: Trade): void => {
    const { symbol } = trade;
    const before = newest.get(symbol);
    const lowest = lowestId(trade);
    const rule = before === undefined ? 'names' : port.tradeIds(symbol);
    const isCounted = rule === 'count' || rule === 'fills';
    const between = isCounted ? idsBetween(idOf(before), lowest) : null;
    const waiting = last(symbol);
    const silentUs = pace.silence(trade);
    // An older trade that comes late is not what lies behind.
    if (rule !== 'names' && (compareIds(trade.id, idOf(before)) ?? 1) < 0) return;
    /** Between the newest row and this one. */
    const missed = (kind: GapKind, reason: string): void =>
      setBehind(begin(symbol, kind, reason, asSide(before)), lowest, sideOf(trade));
    newest.set(symbol, trade);
    if (waiting !== undefined) {
      const to = sideOf(trade);
      const isNext = between === 0 && !waiting.isFilling && waiting.after === idOf(before);
      if (isNext) end(waiting, { ...NOTHING, to, how: 'the ids follow one another: nothing is missing' });
      else setBehind(waiting, lowest, to);
    } else if (between !== null && between > 0) {
      missed('sequence', `trade ${idOf(before)} is followed by ${lowest}`);
    } else if (!isCounted && before !== undefined && silentUs !== null) {
      // No id tells whether the connection brought all; the venue does.
      missed('stall', `silent for ${Math.round(silentUs / 1e6)} s, for longer than by its rate`);
    }
  };

  /** Of one whose stream was silent, and which was not given up for it. */
  const silentBook = (symbol: string): Open | undefined => {
    const hole = last(symbol);
    return hole?.gap.kind === 'stall' ? hole : undefined;
  };

  const onBook = (event: Extract<MarketEvent, { readonly type: 'book' }>): void => {
    const { symbol, snapshot, sequence } = event;
    if (snapshot && port.isOwnCount(symbol)) right.set(symbol, sideOf(event));
    if (!snapshot) {
      if (!changing.has(symbol)) changing.add(symbol);
      const silent = port.isOwnCount(symbol) ? undefined : silentBook(symbol);
      const isNext = silent !== undefined && sideAt(symbol).seq === event.prevSequence;
      newest.set(symbol, event);
      if (!isNext) return;
      return end(silent, { ...NOTHING, to: sideOf(event), how: 'the numbers follow one another' });
    }
    const waiting = last(symbol);
    const before = sideAt(symbol);
    const isSame = before.seq !== undefined && before.seq === sequence && !port.isOwnCount(symbol);
    if (waiting !== undefined) {
      if (port.isSample(symbol)) return;
      newest.set(symbol, event);
      const to = sideOf(event);
      if (isSame) return end(waiting, { ...NOTHING, to, how: 'the book is as it was' });
      return end(waiting, {
        ...UNKNOWN,
        to,
        repaired: 'partial',
        how: 'a new snapshot; the changes before it are lost',
      });
    }
    // Our own, at the beginning of a file, has the number of the row before it.
    if (changing.has(symbol) && before.seq !== undefined && before.seq !== sequence) {
      const hole = begin(symbol, 'sequence', 'the venue began the book anew');
      end(hole, {
        ...UNKNOWN,
        to: sideOf(event),
        repaired: 'partial',
        how: 'its snapshot; changes before it may be lost',
      });
    }
    newest.set(symbol, event);
  };

  return {
    resumed(symbol, side, reason) {
      newest.set(symbol, side);
      if (last(symbol) === undefined) begin(symbol, 'downtime', reason);
    },
    adopt(gap, how, to) {
      const hole = keep(gap, how?.after, how?.at ?? null);
      if (feed !== 'trades') return;
      // To fetch again what may have been fetched could double it.
      if (how === null) end(hole, { ...UNKNOWN, to, repaired: 'none', how: 'we ended before it was filled' });
      else if (how.behind !== null) setBehind(hole, how.behind.first_id ?? how.behind.id ?? '', how.behind);
    },
    agreed(symbol) {
      const to = sideAt(symbol);
      right.set(symbol, to);
      const silent = silentBook(symbol);
      if (silent !== undefined)
        end(silent, { ...UNKNOWN, to, repaired: 'partial', how: 'the book is right' });
    },
    lost(symbol, kind, reason) {
      if (!newest.has(symbol)) return;
      const hole = open.get(symbol)?.at(-1);
      if (hole === undefined) return void begin(symbol, kind, reason);
      // A book and a ticker have one at a time.
      if (feed !== 'trades' || (hole.behind === null && !hole.isAsked && !hole.isCut)) return;
      if (hole.isAsked) {
        hole.isCut = true;
        begin(symbol, kind, reason);
        return;
      }
      // It waits for its turn: it goes on to the row that comes after this loss.
      hole.behind = null;
      hole.isFilling = false;
      port.withdraw(hole);
    },
    between(before, behind, reason) {
      const { symbol } = behind;
      // It ends at the next row, which is of these.
      if (last(symbol)?.after === before.id) return;
      const hole = begin(symbol, 'sequence', reason, sideOf(before));
      // What waits for its end stays the last.
      open.set(symbol, [hole, ...(open.get(symbol) ?? []).filter((one) => one !== hole)]);
      setBehind(hole, lowestId(behind), sideOf(behind));
    },
    row(event) {
      if (event.type === 'trade') return onTrade(event);
      if (event.type === 'book') return onBook(event);
      newest.set(event.symbol, event);
      const waiting = last(event.symbol);
      if (waiting !== undefined)
        end(waiting, { ...UNKNOWN, to: sideOf(event), repaired: 'none', how: 'the next message' });
    },
    quiet(symbol) {
      const waiting = feed === 'trades' ? last(symbol) : undefined;
      if (waiting !== undefined) fill(waiting);
    },
    asked(hole) {
      if (hole.isAsked) return;
      hole.isAsked = true;
      // From now on the file has fetched rows too: the ledger says up to which row they go.
      if (hole.behind !== null) port.changed({ state: 'open', gap: hole.gap, to: hole.behind.side });
    },
    close(hole, how, fetched) {
      end(hole, how);
      // What was fetched behind the newest row is where the next gap begins.
      if (hole.behind !== null || fetched?.id === undefined) return;
      const { symbol } = hole.gap;
      if ((compareIds(fetched.id, idOf(newest.get(symbol))) ?? 1) > 0) newest.set(symbol, fetched);
      for (const one of open.get(symbol) ?? [])
        if (one.after === hole.after && !one.isAsked) one.after = fetched.id;
    },
    forget(symbol) {
      newest.delete(symbol);
      open.delete(symbol);
      changing.delete(symbol);
      pace.forget(symbol);
      right.delete(symbol);
    },
    count: () => [...open.values()].reduce((sum, list) => sum + list.length, 0),
  };
}

const asSide = (at: MarketEvent | GapSide | undefined): GapSide =>
  at === undefined ? {} : 'type' in at ? sideOf(at) : at;

const idOf = (at: MarketEvent | GapSide | undefined): string =>
  at !== undefined && 'id' in at ? (at.id ?? '') : '';
