/**
 * The gaps of one feed: found, kept open until what is behind them is there, and told. A symbol that never gave a row
 * has none: nothing is missing from what has not begun.
 */

import type { Feed, MarketEvent, Trade } from '../core/event.ts';
import { type Gap, type GapChange, type GapEnd, type GapKind, type GapSide, sideOf } from '../core/gap.ts';
import { compareIds, idsBetween, lowestId, type TradeIdRule } from '../core/trade-order.ts';

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
  changed(change: GapChange): void;
  /** Trades are missing between two rows, or behind the newest one. */
  fill(hole: Hole): void;
}

/** A gap that has not ended. */
export interface Hole {
  readonly gap: Gap;
  /** The newest trade before it. */
  readonly after: string;
  /** The first row behind it; null while there is none. */
  behind: { readonly id: string; readonly side: GapSide } | null;
}

interface Open extends Hole {
  isFilling: boolean;
  /** The feed was lost once more while it was not known what is behind this one. */
  again: { readonly kind: GapKind; readonly reason: string } | null;
}

export interface Gaps {
  /** An earlier run of the thread, or of the program, ended with this row. */
  resumed(symbol: string, newest: GapSide, reason: string): void;
  /**
   * It left this one open. `behind`: the first trade behind it that is known; `isNext`: nothing of the file lies
   * between, so that it can be filled.
   */
  adopt(gap: Gap, behind: string | undefined, isNext: boolean): void;
  /** From now on rows can be missing. */
  lost(symbol: string, kind: GapKind, reason: string): void;
  /** A row, in order; one that was fetched to fill a hole is none of these. */
  row(event: MarketEvent): void;
  /** The feed works, and nothing has come: what is missing can be asked for. */
  quiet(symbol: string): void;
  close(hole: Hole, end: GapEnd): void;
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
  const pace = createPace();
  let found = 0;

  const sideAt = (symbol: string): GapSide => {
    const at = newest.get(symbol);
    return at === undefined ? {} : 'type' in at ? sideOf(at) : at;
  };

  const begin = (symbol: string, kind: GapKind, reason: string): Open => {
    found += 1;
    const id = `${venue}.${feed}.${symbol}.${port.wallUs()}.${found}`;
    const from = sideAt(symbol);
    const gap: Gap = { id, venue, feed, symbol, kind, reason, from };
    port.changed({ state: 'open', gap });
    return keep(gap);
  };

  const keep = (gap: Gap): Open => {
    const made: Open = { gap, after: gap.from.id ?? '', behind: null, isFilling: false, again: null };
    const list = open.get(gap.symbol);
    if (list === undefined) open.set(gap.symbol, [made]);
    else list.push(made);
    return made;
  };

  const end = (hole: Hole, how: GapEnd): void => {
    const { symbol } = hole.gap;
    const left = (open.get(symbol) ?? []).filter((one) => one !== hole);
    if (left.length > 0) open.set(symbol, left);
    else open.delete(symbol);
    port.changed({ state: 'closed', gap: hole.gap, end: how });
  };

  /** The one that nothing lies behind yet. */
  const last = (symbol: string): Open | undefined =>
    open.size === 0 ? undefined : open.get(symbol)?.find(({ behind }) => behind === null);

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
    const missed = (kind: GapKind, reason: string): void => {
      newest.set(symbol, before as Trade);
      const hole = begin(symbol, kind, reason);
      newest.set(symbol, trade);
      hole.behind = { id: lowest, side: sideOf(trade) };
      fill(hole);
    };
    newest.set(symbol, trade);
    if (waiting !== undefined) {
      waiting.behind = { id: lowest, side: sideOf(trade) };
      if (between === 0 && !waiting.isFilling)
        end(waiting, {
          ...NOTHING,
          to: sideOf(trade),
          how: 'the ids follow one another: nothing is missing',
        });
      else fill(waiting);
    } else if (between !== null && between > 0) {
      missed('sequence', `trade ${idOf(before)} is followed by ${lowest}`);
    } else if (!isCounted && before !== undefined && silentUs !== null) {
      // No id tells whether the connection brought all; the venue does.
      missed('stall', `silent for ${Math.round(silentUs / 1e6)} s, for longer than by its rate`);
    }
  };

  const onBook = (event: Extract<MarketEvent, { readonly type: 'book' }>): void => {
    const { symbol, snapshot, sequence } = event;
    if (!snapshot) {
      if (!changing.has(symbol)) changing.add(symbol);
      newest.set(symbol, event);
      return;
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
    adopt(gap, behind, isNext) {
      const hole = keep(gap);
      if (feed !== 'trades' || (isNext && behind === undefined)) return;
      hole.behind = { id: behind ?? '', side: behind === undefined ? {} : { id: behind } };
      if (isNext) return fill(hole);
      // What of it was fetched later is in the file, and not known here: to fetch it again could double it.
      end(hole, { ...UNKNOWN, to: hole.behind.side, repaired: 'none', how: 'we ended before it was filled' });
    },
    lost(symbol, kind, reason) {
      if (!newest.has(symbol)) return;
      const waiting = last(symbol);
      if (waiting === undefined) begin(symbol, kind, reason);
      else if (waiting.isFilling) waiting.again = { kind, reason };
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
    close(hole, how) {
      const { symbol } = hole.gap;
      const again = open.get(symbol)?.find((one) => one === hole)?.again ?? null;
      end(hole, how);
      // What was fetched behind the newest row is where the next gap begins.
      if (hole.behind === null && how.to.id !== undefined) newest.set(symbol, how.to);
      if (again !== null && hole.behind === null && last(symbol) === undefined)
        begin(symbol, again.kind, again.reason);
    },
    forget(symbol) {
      newest.delete(symbol);
      open.delete(symbol);
      changing.delete(symbol);
      pace.forget(symbol);
    },
    count: () => [...open.values()].reduce((sum, list) => sum + list.length, 0),
  };
}

const idOf = (at: MarketEvent | GapSide | undefined): string =>
  at !== undefined && 'id' in at ? (at.id ?? '') : '';

/** A silence of a market that is longer than this many times its mean, and than the floor, may be one of ours. */
const SILENCE = { times: 20, floorUs: 30_000_000 };

/** How long it takes from trade to trade, by symbol: the newest ones count most. */
function createPace() {
  const paces = new Map<string, { lastUs: number; meanUs: number }>();
  return {
    /** µs since the one before, where that is long; else null. */
    silence({ symbol, localUs }: Trade): number | null {
      const pace = paces.get(symbol);
      if (pace === undefined) {
        paces.set(symbol, { lastUs: localUs, meanUs: 0 });
        return null;
      }
      const sinceUs = localUs - pace.lastUs;
      const isLong = sinceUs > Math.max(SILENCE.floorUs, SILENCE.times * pace.meanUs);
      pace.lastUs = localUs;
      pace.meanUs += (sinceUs - pace.meanUs) / 20;
      return isLong ? sinceUs : null;
    },
    forget: (symbol: string) => void paces.delete(symbol),
  };
}
