/** An order book's rows: each continues the one before, none stands twice, and the book they make is not crossed. */

import { applyDelta, createBook, isCrossed, resetBook } from '../../core/book.ts';
import { seconds } from '../../core/time.ts';
import { type BookStep, createBookChain } from './book-chain.ts';
import type { FeedCheck, FeedCheckPort } from './feed-check.ts';
import type { FoundHole, Spot } from './findings.ts';
import { type BookRow, bookOf } from './rows.ts';

/** A file that begins with so many snapshots and no change is of a channel that sends nothing else. */
const ONLY_SNAPSHOTS = 10;
const NEVER = Number.NEGATIVE_INFINITY;
/**
 * Where the venue numbers nothing, messages that it swaps cross a book until the next ones, and nothing but the snapshots that
 * it pushes can show it: two of them, 5 s apart.
 */
const UNNUMBERED_US = 10_000_000;

export function createBookCheck({ findings, order, times, numbering }: FeedCheckPort): FeedCheck {
  const chain = createBookChain(numbering.ownCount);
  const book = createBook();
  let last: { readonly row: BookRow; readonly spot: Spot } | null = null;
  /** Newest time of receipt: of all rows, and of changes alone, since those that waited stand behind their snapshot. */
  let newestUs = NEVER;
  let newestChangeUs = NEVER;
  /** Of the file at hand. */
  let rows = 0;
  let hasChanges = false;
  /** Its holes, as long as it may be of a channel of snapshots. */
  let pending: FoundHole[] = [];
  /** When the newest snapshot was received that joins the book anew: what it is, the venue said. */
  let joinedUs = NEVER;
  let crossed: { readonly us: number; readonly spot: Spot; readonly byVenue: boolean } | null = null;
  const counts = { snapshots: 0, continued: 0, unusable: 0, crossed: 0, longestUs: 0, snapshotParts: 0 };

  const checkOrder = (row: BookRow, isChained: boolean, line: number): void => {
    const beforeUs = row.snapshot ? newestUs : newestChangeUs;
    // What goes on by its number stands in its place, whatever the clock said.
    if (beforeUs !== NEVER && !order.check(beforeUs, row.localUs, !isChained, line))
      newestUs = newestChangeUs = NEVER;
    newestUs = Math.max(newestUs, row.localUs);
    if (!row.snapshot) newestChangeUs = Math.max(newestChangeUs, row.localUs);
  };

  const flush = (): void => {
    for (const hole of pending) findings.hole(hole);
    pending = [];
  };

  /** Whether the file is one of changes, as far as is known after this row. */
  const sortOut = (row: BookRow): void => {
    rows += 1;
    if (!row.snapshot && !hasChanges) {
      hasChanges = true;
      flush();
    } else if (!hasChanges && rows >= ONLY_SNAPSHOTS) pending = [];
  };

  const onHole = (row: BookRow, spot: Spot): void => {
    if (last === null) return;
    const hole: FoundHole = {
      kind: 'book',
      spot,
      fromUs: last.row.localUs,
      toUs: row.localUs,
      ids: null,
      seqs: [last.row.sequence, row.sequence],
      missing: null,
    };
    if (hasChanges) findings.hole(hole);
    else pending.push(hole);
  };

  const endCrossed = (us: number): void => {
    if (crossed === null) return;
    const { us: fromUs, spot, byVenue } = crossed;
    crossed = null;
    counts.crossed += 1;
    counts.longestUs = Math.max(counts.longestUs, us - fromUs);
    if (byVenue || (numbering.ownCount && us - fromUs < UNNUMBERED_US)) return;
    if (!findings.isCovered(fromUs, us))
      findings.fault('crossed', spot, fromUs, `the book is crossed for ${seconds(us - fromUs)} s`);
  };

  /** The messages of one moment are complete: what the book is now was so from then on. */
  const endGroup = (): void => {
    if (last === null || !chain.isKnown()) return;
    if (!isCrossed(book)) endCrossed(last.row.localUs);
    else crossed ??= { us: last.row.localUs, spot: last.spot, byVenue: joinedUs === last.row.localUs };
  };

  const endBook = (): void => {
    endGroup();
    if (last !== null) endCrossed(last.row.localUs);
  };

  const tell = (step: BookStep, row: BookRow, spot: Spot): void => {
    switch (step) {
      case 'continues':
        counts.continued += 1;
        return;
      case 'hole':
        return onHole(row, spot);
      case 'repeated':
        return findings.fault('repeated', spot, row.localUs, 'the row before stands here once more');
      case 'broken': {
        counts.unusable += 1;
        const { prevSequence, snapshotSequence } = row;
        const [before, of] = [last?.row.sequence ?? null, last?.row.snapshotSequence ?? null];
        const message = `${before} (of snapshot ${of}) is followed by ${prevSequence} (of ${snapshotSequence})`;
        return findings.fault('broken', spot, row.localUs, message);
      }
      case 'unusable':
        counts.unusable += 1;
    }
  };

  return {
    row(cells, spot, first) {
      const row = bookOf(cells);
      if (typeof row === 'string') return row;
      if (row.localUs !== last?.row.localUs) endGroup();
      const step = chain.step(row, first);
      if (step === 'hole' || step === 'broken') endBook();
      if (step === 'hole' || step === 'begins') joinedUs = row.localUs;
      if (first && !row.snapshot)
        findings.fault('headless', spot, row.localUs, 'the file does not begin with a snapshot');
      if (row.snapshot) counts.snapshots += 1;
      checkOrder(row, step !== 'broken' && step !== 'unusable', spot.line);
      tell(step, row, spot);
      sortOut(row);
      if (row.snapshot) resetBook(book, row.bids, row.asks);
      else if (chain.isKnown()) applyDelta(book, row.bids, row.asks);
      last = { row, spot };
      times.row(row.localUs);
      return row.localUs;
    },
    endPart() {
      if (!hasChanges && rows >= ONLY_SNAPSHOTS) counts.snapshotParts += 1;
      flush();
      rows = 0;
      hasChanges = false;
    },
    cut() {
      endBook();
      chain.cut();
      last = null;
      newestUs = newestChangeUs = NEVER;
    },
    end: endBook,
    ids: () => null,
    book: () => ({
      snapshots: counts.snapshots,
      continued: counts.continued,
      unusable: counts.unusable,
      crossed: counts.crossed,
      crossed_longest_sec: seconds(counts.longestUs),
      snapshot_parts: counts.snapshotParts,
    }),
  };
}
