/** What is found in one chain: all counted, the first of each kind kept. */

import { seconds } from '../../core/time.ts';
import type { Hints } from './hints.ts';
import type { Gap, GapLedger, HoleBounds } from './ledger.ts';
import type { Fault, FaultKind, Hole } from './report.ts';

const LISTED_FAULTS = 20;
const LISTED_HOLES = 1_000;

/** A line of a file. */
export interface Spot {
  readonly file: string;
  readonly line: number;
}

export interface FoundHole extends HoleBounds {
  readonly kind: 'ids' | 'book';
  readonly spot: Spot;
  readonly missing: number | null;
}

export interface Findings {
  fault(
    kind: FaultKind,
    spot: Spot | { readonly file: string },
    localUs: number | null,
    message: string,
  ): void;
  hole(hole: FoundHole): void;
  /** A hole that the file cannot show. */
  told(gap: Gap): void;
  /** Whether the ledger tells of a gap that covers this stretch of the chain. */
  isCovered(fromUs: number, toUs: number): boolean;
  faults(): number;
  read(): {
    readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
    readonly faultList: readonly Fault[];
    readonly holes: readonly Hole[];
    readonly explained: number;
    readonly unexplained: number;
  };
}

/** Whose findings they are, as far as its rows have told. */
export interface Owner {
  readonly venue: string;
  readonly feed: string;
  readonly symbol: string | null;
}

export function createFindings(owner: () => Owner, ledger: GapLedger, hints: Hints): Findings {
  const counts: Partial<Record<FaultKind, number>> = {};
  const faultList: Fault[] = [];
  const holes: Hole[] = [];
  let explained = 0;
  let unexplained = 0;

  const keep = (hole: Hole): void => {
    if (hole.explained_by.length > 0) explained += 1;
    else unexplained += 1;
    if (holes.length < LISTED_HOLES) holes.push(hole);
  };

  const subject = () => {
    const { venue, feed, symbol } = owner();
    return { venue, feed, symbol: symbol ?? '' };
  };

  return {
    fault(kind, spot, localUs, message) {
      const count = (counts[kind] ?? 0) + 1;
      counts[kind] = count;
      if (count > LISTED_FAULTS) return;
      const line = 'line' in spot ? spot.line : null;
      const local_ts = localUs === null ? null : seconds(localUs);
      faultList.push({ kind, file: spot.file, line, local_ts, message });
    },
    hole(found) {
      const { fromUs, toUs, ids, seqs, spot } = found;
      const { venue, feed, symbol } = subject();
      const gaps = ledger.explain({ venue, feed, symbol }, found);
      // Looked for only where it is shown: a file can have a hole at every row.
      const wantsHints = gaps.length === 0 && holes.length < LISTED_HOLES;
      keep({
        kind: found.kind,
        venue,
        feed,
        symbol,
        ...spot,
        from: { local_ts: seconds(fromUs), id: ids === null ? null : ids[0] - 1, seq: seqs?.[0] ?? null },
        to: { local_ts: seconds(toUs), id: ids === null ? null : ids[1] + 1, seq: seqs?.[1] ?? null },
        missing: found.missing,
        explained_by: gaps.map(({ id }) => id),
        hints: wantsHints ? hints.near(venue, feed, symbol, fromUs, toUs) : [],
      });
    },
    told(gap) {
      ledger.found(gap);
      keep(toldHole(gap));
    },
    isCovered: (fromUs, toUs) => ledger.isCovered(subject(), fromUs, toUs),
    faults: () => Object.values(counts).reduce((sum, count) => sum + count, 0),
    read: () => ({ faults: counts, faultList, holes, explained, unexplained }),
  };
}

/** A gap that no file shows, as a hole. */
export function toldHole(gap: Gap): Hole {
  const finite = (value: number | null): number | null =>
    value !== null && Number.isFinite(value) ? value : null;
  return {
    kind: 'ledger',
    venue: gap.venue,
    feed: gap.feed,
    symbol: gap.symbol,
    file: null,
    line: null,
    from: { local_ts: seconds(gap.fromUs), id: gap.fromId, seq: gap.fromSeq },
    to: {
      local_ts: Number.isFinite(gap.toUs) ? seconds(gap.toUs) : null,
      id: finite(gap.toId),
      seq: gap.toSeq,
    },
    missing: null,
    explained_by: [gap.id],
    hints: [],
  };
}
