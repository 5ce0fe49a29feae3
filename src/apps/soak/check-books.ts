/** The books that the files make, against those that the venues had at the end. */

import { topOf } from '../../core/book.ts';
import type { Level } from '../../core/event.ts';
import { bookAt } from '../../runtime/verify/book-at.ts';
import { HEALED_SEC } from './check-ledgers.ts';
import type { Findings } from './findings.ts';

/** What a venue's book was at the end, best first: as many levels a side as are to be compared. */
export interface EndBook {
  readonly venue: string;
  readonly symbol: string;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** By number: a venue's own digits can end with zeros that another answer leaves out. */
const sameLevels = (a: readonly Level[], b: readonly Level[]): boolean =>
  a.length === b.length &&
  a.every(
    ([price, amount], at) => Number(price) === Number(b[at]?.[0]) && Number(amount) === Number(b[at]?.[1]),
  );

/** Gives how many were held against theirs. A book that had no time to heal may have none. */
export async function checkBooks(
  dataDir: string,
  books: readonly EndBook[],
  { atUs, healSec }: { readonly atUs: number; readonly healSec: number },
  findings: Findings,
): Promise<number> {
  let count = 0;
  for (const { venue, symbol, ...sides } of books) {
    const where = `${venue} ${symbol}`;
    const made = await bookAt({ dataDir, venue, symbol, atUs });
    if (!made.ok) {
      if (healSec >= HEALED_SEC) findings.add('books', where, `no book at the end: ${made.error.message}`);
      continue;
    }
    count += 1;
    for (const side of ['bids', 'asks'] as const) {
      const kept = topOf(made.value.book[side], sides[side].length);
      if (sameLevels(kept, sides[side])) continue;
      const difference = differenceOf(kept, sides[side]);
      findings.add('books', where, `the ${side} of the files are not the venue's: ${difference}`);
    }
  }
  return count;
}

function differenceOf(kept: readonly Level[], theirs: readonly Level[]): string {
  const at = theirs.findIndex((level, index) => !sameLevels([level], kept.slice(index, index + 1)));
  const text = (level: Level | undefined): string => (level === undefined ? 'nothing' : level.join(' of '));
  return `level ${at + 1} is ${text(kept[at])}, theirs ${text(theirs[at])}`;
}
