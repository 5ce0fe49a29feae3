/** Whether a book's rows follow one another: DESIGN 6.3, the rule that a reader of the files must go by. */

import type { BookRow } from './rows.ts';

/**
 * `begins`: a snapshot while no book is known; `applies`: a change that goes on; `continues`: a snapshot between which and the
 * row before nothing is missing; `hole`: one before which something is missing; `repeated`: the row before once
 * more; `broken`: a change that does not go on; `unusable`: a change while no book is known.
 */
export type BookStep = 'begins' | 'applies' | 'continues' | 'hole' | 'repeated' | 'broken' | 'unusable';

export interface BookChain {
  /** The next row; `first`: of its file. */
  step(row: BookRow, first: boolean): BookStep;
  /** Whether the rows so far make a book. */
  isKnown(): boolean;
  /** What follows is not a continuation, and that is known: files were removed. */
  cut(): void;
}

export function createBookChain(ownCount: boolean): BookChain {
  let last: BookRow | null = null;
  /** The snapshot that the rows follow. */
  let snapshotSequence: number | null = null;
  let isKnown = false;
  let isFirstAfterSnapshot = false;

  const onSnapshot = (row: BookRow, first: boolean): BookStep => {
    // Behind a break the book is lost already, and that is told.
    if (last === null || !isKnown) return 'begins';
    const isSame = row.sequence === last.sequence;
    const isAtOnce = row.localUs === last.localUs && row.timestampUs === last.timestampUs;
    if (!first && last.snapshot && isSame && isAtOnce) return 'repeated';
    const isNumbered = row.sequence !== null && !ownCount;
    // Without the venue's numbers only our own snapshot, which begins a file, can be told from one that joins anew.
    return isSame && (isNumbered || first) ? 'continues' : 'hole';
  };

  const goesOn = (row: BookRow): boolean => {
    if (row.snapshotSequence !== snapshotSequence) return false;
    if (row.prevSequence === (last?.sequence ?? null)) return true;
    const { prevSequence, sequence } = row;
    if (!isFirstAfterSnapshot || prevSequence === null || sequence === null || snapshotSequence === null)
      return false;
    return prevSequence <= snapshotSequence && snapshotSequence <= sequence;
  };

  /** The numbers and the time of the row before: of changes in their order only OKX's that say nothing changed have that. */
  const isAgain = (row: BookRow): boolean =>
    row.sequence !== null &&
    last?.snapshot === false &&
    last.localUs === row.localUs &&
    last.sequence === row.sequence &&
    last.prevSequence === row.prevSequence &&
    last.snapshotSequence === row.snapshotSequence;

  const onChange = (row: BookRow): BookStep => {
    if (!isKnown) return 'unusable';
    if (isAgain(row)) return 'repeated';
    return goesOn(row) ? 'applies' : 'broken';
  };

  return {
    step(row, first) {
      const step = row.snapshot ? onSnapshot(row, first) : onChange(row);
      if (row.snapshot) {
        snapshotSequence = row.sequence;
        isKnown = true;
      } else if (step === 'broken') isKnown = false;
      isFirstAfterSnapshot = row.snapshot;
      last = row;
      return step;
    },
    isKnown: () => isKnown,
    cut() {
      last = null;
      isKnown = false;
    },
  };
}
