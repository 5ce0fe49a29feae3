/** `collector/gaps.jsonl` (DESIGN 6.4), and when it explains a hole: the rule stands in docs/verify.md. */

import { z } from 'zod';

/** Epoch seconds; what lies beyond 2100 is no time. */
const epoch = z.number().min(0).max(4_102_444_800);

const edge = z.object({
  seq: z.number().nullish(),
  id: z.union([z.string(), z.number()]).nullish(),
  ts: epoch.nullish(),
  local_ts: epoch.nullish(),
});

const line = z.object({
  id: z.union([z.string(), z.number()]),
  ts: epoch,
  state: z.enum(['open', 'closed']),
  venue: z.string(),
  feed: z.string(),
  symbol: z.string(),
  kind: z.string(),
  from: edge.nullish(),
  to: edge.nullish(),
  repaired: z.enum(['full', 'partial', 'none']).nullish(),
  missing: z.unknown().optional(),
});

/** The collector could not write so many lines. What they told is not known; the holes that they would explain stay. */
const lostLine = z.object({ ts: z.number(), lost: z.int().positive() });

/** Epoch seconds with decimals come from µs of several clocks. */
export const TOLERANCE_US = 1_000_000;

export interface Gap {
  readonly id: string | number;
  readonly venue: string;
  readonly feed: string;
  readonly symbol: string;
  readonly kind: string;
  readonly isOpen: boolean;
  readonly repaired: 'full' | 'partial' | 'none';
  /** µs; the newest row before it, and the first behind it: while it is open and has none, the end of time. */
  readonly fromUs: number;
  readonly toUs: number;
  /** Trade ids, where the ledger has them and they are numbers. */
  readonly fromId: number | null;
  readonly toId: number | null;
  readonly fromSeq: number | null;
  readonly toSeq: number | null;
  /** Whether its sides tell a time of receipt, or only the ledger's lines do. */
  readonly isTimed: boolean;
}

export interface Subject {
  readonly venue: string;
  readonly feed: string;
  readonly symbol: string;
}

/** What a file says of a hole: the rows on both sides, and of trades the first and the last id between them. */
export interface HoleBounds {
  readonly fromUs: number;
  readonly toUs: number;
  readonly ids: readonly [first: number, last: number] | null;
  readonly seqs: readonly [before: number | null, behind: number | null] | null;
}

export interface GapLedger {
  /** One line of the file; false where it is none. */
  take(value: unknown): boolean;
  /** The gaps that together cover the hole; none: it is not explained. They count as found. */
  explain(subject: Subject, hole: HoleBounds): readonly Gap[];
  /** Whether one gap covers this stretch of time. */
  isCovered(subject: Subject, fromUs: number, toUs: number): boolean;
  /** Gaps of a feed, whatever its symbols, that touch this stretch of time. */
  touching(venue: string, feed: string, fromUs: number, toUs: number): readonly Gap[];
  /** Gaps that no hole was found for so far. */
  unfound(subject: Subject): readonly Gap[];
  /** All that is left over, of whatever chain. */
  allUnfound(): readonly Gap[];
  found(gap: Gap): void;
  count(): { readonly gaps: number; readonly open: number };
}

export function createGapLedger(): GapLedger {
  const byId = new Map<string | number, Gap>();
  let bySubject: Map<string, Gap[]> | null = null;
  const found = new Set<Gap>();
  const keyOf = ({ venue, feed, symbol }: Subject): string => `${venue} ${feed} ${symbol}`;

  const of = (subject: Subject): readonly Gap[] => {
    if (bySubject === null) {
      bySubject = new Map();
      const all = [...byId.values()].sort((a, b) => a.fromUs - b.fromUs);
      for (const gap of all) {
        const key = keyOf(gap);
        const gaps = bySubject.get(key);
        if (gaps === undefined) bySubject.set(key, [gap]);
        else gaps.push(gap);
      }
    }
    return bySubject.get(keyOf(subject)) ?? [];
  };

  const note = (gaps: readonly Gap[]): readonly Gap[] => {
    for (const gap of gaps) found.add(gap);
    return gaps;
  };

  return {
    take(value) {
      const read = line.safeParse(value);
      if (!read.success) return lostLine.safeParse(value).success;
      byId.set(read.data.id, gapOf(read.data, byId.get(read.data.id) ?? null));
      bySubject = null;
      return true;
    },
    explain(subject, hole) {
      const near = of(subject).filter((gap) => touches(gap, hole));
      return near.length === 0 ? near : note(explanation(near, hole));
    },
    isCovered: (subject, fromUs, toUs) =>
      of(subject).some((gap) => gap.fromUs - TOLERANCE_US <= fromUs && toUs <= gap.toUs + TOLERANCE_US),
    touching: (venue, feed, fromUs, toUs) =>
      [...byId.values()].filter(
        (gap) => gap.venue === venue && gap.feed === feed && gap.fromUs <= toUs && fromUs <= gap.toUs,
      ),
    unfound: (subject) => of(subject).filter((gap) => !found.has(gap)),
    allUnfound: () => [...byId.values()].filter((gap) => !found.has(gap)),
    found: (gap) => void found.add(gap),
    count: () => ({ gaps: byId.size, open: [...byId.values()].filter(({ isOpen }) => isOpen).length }),
  };
}

function gapOf(read: z.infer<typeof line>, before: Gap | null): Gap {
  const { id, venue, feed, symbol, kind, state, from, to } = read;
  const isOpen = state === 'open';
  return {
    id,
    venue,
    feed,
    symbol,
    kind,
    isOpen,
    repaired: read.repaired ?? 'none',
    fromUs: us(from?.local_ts) ?? before?.fromUs ?? us(read.ts) ?? 0,
    toUs: us(to?.local_ts) ?? (isOpen ? Number.POSITIVE_INFINITY : (us(read.ts) ?? 0)),
    fromId: idOf(from?.id) ?? before?.fromId ?? null,
    toId: idOf(to?.id) ?? (isOpen && to?.local_ts == null ? Number.POSITIVE_INFINITY : null),
    fromSeq: from?.seq ?? before?.fromSeq ?? null,
    toSeq: to?.seq ?? null,
    isTimed: from?.local_ts != null || before?.isTimed === true,
  };
}

const us = (ts: number | null | undefined): number | null => (ts == null ? null : Math.round(ts * 1_000_000));

function idOf(id: string | number | null | undefined): number | null {
  const number = typeof id === 'string' && /^\d{1,16}$/.test(id) ? Number(id) : id;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null;
}

/** Whether it can have a part in explaining the hole: a file can have very many holes. */
function touches(gap: Gap, { ids, seqs, fromUs, toUs }: HoleBounds): boolean {
  if (ids !== null && gap.fromId !== null && gap.toId !== null)
    return gap.fromId <= ids[1] && gap.toId >= ids[0];
  if (seqs !== null && !gap.isTimed) return true;
  return gap.fromUs - TOLERANCE_US <= toUs && gap.toUs + TOLERANCE_US >= fromUs;
}

function explanation(near: readonly Gap[], hole: HoleBounds): readonly Gap[] {
  // What the ledger calls repaired must not be missing.
  const admitted = near.filter(({ repaired }) => repaired !== 'full');
  if (hole.ids !== null) {
    const [first, last] = hole.ids;
    const told = admitted.flatMap((gap) =>
      gap.fromId === null || gap.toId === null ? [] : [{ gap, from: gap.fromId, to: gap.toId }],
    );
    const byIds = cover(told, first, last, 1);
    if (byIds.length > 0) return byIds;
    const untold = admitted.filter(({ fromId, toId }) => fromId === null || toId === null);
    return coverTime(untold, hole);
  }
  const timed = coverTime(
    admitted.filter((gap) => gap.isTimed && isNumbered(gap, hole)),
    hole,
  );
  if (timed.length > 0 || hole.seqs === null) return timed;
  const [before, behind] = hole.seqs;
  return admitted.filter(
    ({ isTimed, fromSeq, toSeq }) => !isTimed && before !== null && fromSeq === before && toSeq === behind,
  );
}

/** Where both have numbers, a gap that begins behind the row before the hole, or ends before the row behind, is another. */
function isNumbered({ fromUs, toUs, fromSeq, toSeq }: Gap, hole: HoleBounds): boolean {
  const [before, behind] = hole.seqs ?? [null, null];
  const isLate = fromSeq !== null && before !== null && fromSeq > before;
  const isEarly = toSeq !== null && behind !== null && toSeq < behind;
  const beginsIt = Math.abs(fromUs - hole.fromUs) <= TOLERANCE_US;
  const endsIt = Math.abs(toUs - hole.toUs) <= TOLERANCE_US;
  return !(isLate && beginsIt) && !(isEarly && endsIt);
}

function coverTime(gaps: readonly Gap[], { fromUs, toUs }: HoleBounds): readonly Gap[] {
  const stretches = gaps.map((gap) => ({
    gap,
    from: gap.fromUs - TOLERANCE_US,
    to: gap.toUs + TOLERANCE_US,
  }));
  return cover(stretches, fromUs, toUs, 0);
}

interface Stretch {
  readonly gap: Gap;
  readonly from: number;
  readonly to: number;
}

/** Those that one behind the other reach from `from` to `to`; two of them may lie `step` apart. None: they do not. */
function cover(stretches: readonly Stretch[], from: number, to: number, step: number): readonly Gap[] {
  const used: Gap[] = [];
  let reached = from - step;
  for (const one of [...stretches].sort((a, b) => a.from - b.from)) {
    if (one.from > reached + step) break;
    if (one.to < from || one.to <= reached) continue;
    used.push(one.gap);
    reached = one.to;
    if (reached >= to) return used;
  }
  return [];
}
