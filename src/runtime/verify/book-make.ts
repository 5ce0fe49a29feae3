/** The rows of a book's files put together up to a moment. */

import { join } from 'node:path';
import { applyDelta, type Book, createBook, resetBook } from '../../core/book.ts';
import { splitRow } from '../../core/csv-row.ts';
import { err, type Failure, failure, ok, type Result } from '../../core/result.ts';
import { isoOf } from '../../core/time.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { readPart } from '../../io/part-read.ts';
import type { PartFile } from '../../io/recorded-files.ts';
import { type BookChain, createBookChain } from './book-chain.ts';
import { type BookRow, bookOf } from './rows.ts';

export interface MadeBook {
  readonly book: Book;
  /** The newest row that was applied by then, where it stands, and when it was applied, µs. */
  readonly row: BookRow;
  readonly file: string;
  readonly line: number;
  readonly appliedUs: number;
  /** No row stands behind it. */
  readonly isLast: boolean;
}

/** Whose rows are looked at: names of two symbols can give one file name (`BTC/USDT`, `BTC-USDT`). */
export interface BookRows {
  readonly dataDir: string;
  readonly venue: string;
  readonly symbol: string;
}

/** `parts` in order of receipt. Fails with `before` or `hole` where no book is known of that moment. */
export async function makeBook(
  of: BookRows,
  parts: readonly PartFile[],
  atUs: number,
  ownCount: boolean,
): Promise<Result<MadeBook>> {
  const begun = await begin(of, parts, atUs);
  if (!begun.ok) return begun;
  const part = parts[begun.value] as PartFile;
  const chain = createBookChain(ownCount);
  const walked = await walk(of, part, atUs, chain);
  if (!walked.ok) return walked;
  const { book, last, next, brokenUs } = walked.value;
  if (last === null) return err(failure('gone', `${part.file} changed while it was read`));
  if (!chain.isKnown()) {
    const since = isoOf(brokenUs ?? last.appliedUs);
    return err(noBook(`the rows of ${part.file} do not continue one another since ${since}`));
  }
  if (next !== null) return judge(next, false);
  const behind = await rowBehind(of, parts.slice(begun.value + 1));
  if (!behind.ok) return behind;
  return behind.value === null ? ok({ ...last, book, isLast: true }) : judge(behind.value, true);

  /** The row behind the moment tells whether something is missing before it. */
  function judge(row: BookRow, first: boolean): Result<MadeBook> {
    const { appliedUs } = last as Applied;
    const step = chain.step(row, first);
    // At the very moment of the row before a hole the book is what that row made.
    const isInHole = step === 'hole' && appliedUs < atUs;
    if (!isInHole && step !== 'broken') return ok({ ...(last as Applied), book, isLast: false });
    return err(noBook(`no book is known between ${isoOf(appliedUs)} and ${isoOf(row.localUs)}`));
  }
}

const noBook = (message: string): Failure => failure('hole', message, 'never');

type Applied = Omit<MadeBook, 'book' | 'isLast'>;

/** The newest part that begins by then: each begins with a whole book. */
async function begin(of: BookRows, parts: readonly PartFile[], atUs: number): Promise<Result<number>> {
  let firstUs: number | null = null;
  for (let index = parts.length - 1; index >= 0; index--) {
    const part = parts[index] as PartFile;
    if (part.state === 'removed' || part.state === 'missing') {
      const until = firstUs === null ? '' : `; what is there begins at ${isoOf(firstUs)}`;
      if ((part.entry?.first_ts ?? 0) * 1e6 <= atUs)
        return err(noBook(`${part.file} is not there (${part.removal?.reason ?? 'missing'})${until}`));
      continue;
    }
    const row = await firstRow(of, part);
    if (!row.ok) return row;
    if (row.value === null) continue;
    if (row.value.localUs <= atUs) return ok(index);
    firstUs = row.value.localUs;
  }
  const begins =
    firstUs === null
      ? `there is no row of ${of.venue} ${of.symbol}`
      : `the first snapshot is of ${isoOf(firstUs)}`;
  return err(failure('before', begins, 'never'));
}

interface Walked {
  readonly book: Book;
  last: Applied | null;
  /** The first row that was applied later. */
  next: BookRow | null;
  brokenUs: number | null;
}

async function walk(of: BookRows, part: PartFile, atUs: number, chain: BookChain): Promise<Result<Walked>> {
  const walked: Walked = { book: createBook(), last: null, next: null, brokenUs: null };
  let snapshotUs = 0;
  const read = await readRows(of, part, (row, line) => {
    // What waited for its snapshot was applied together with it.
    const appliedUs = row.snapshot ? row.localUs : Math.max(row.localUs, snapshotUs);
    if (appliedUs > atUs) {
      walked.next = row;
      return 'enough';
    }
    if (row.snapshot) snapshotUs = row.localUs;
    if (chain.step(row, walked.last === null) === 'broken') walked.brokenUs = row.localUs;
    if (row.snapshot) resetBook(walked.book, row.bids, row.asks);
    else if (chain.isKnown()) applyDelta(walked.book, row.bids, row.asks);
    walked.last = { row, file: part.file, line, appliedUs };
    return 'more';
  });
  return read.ok ? ok(walked) : read;
}

async function rowBehind(of: BookRows, parts: readonly PartFile[]): Promise<Result<BookRow | null>> {
  for (const part of parts) {
    if (part.state === 'removed' || part.state === 'missing')
      return err(noBook(`${part.file} is not there: what was recorded behind the newest row is not known`));
    const row = await firstRow(of, part);
    if (!row.ok || row.value !== null) return row;
  }
  return ok(null);
}

async function firstRow(of: BookRows, part: PartFile): Promise<Result<BookRow | null>> {
  const found: { row: BookRow | null } = { row: null };
  const read = await readRows(of, part, (row) => {
    found.row = row;
    return 'enough';
  });
  return read.ok ? ok(found.row) : read;
}

/** Gives the rows of a part to `visit`, until it has enough. What is no row is passed over. */
async function readRows(
  { dataDir, venue, symbol }: BookRows,
  { file, ino, unreadable }: PartFile,
  visit: (row: BookRow, line: number) => 'more' | 'enough',
): Promise<Result<void>> {
  if (unreadable !== null) return err(failure('unreadable', unreadable));
  let isEnough = false;
  const scan = createLineScan({
    line(text, line) {
      if (isEnough || line === 1) return;
      const cells = splitRow(text) ?? [];
      if (cells[0] !== venue || cells[1] !== symbol) return;
      const row = bookOf(cells);
      if (typeof row !== 'string') isEnough = visit(row, line) === 'enough';
    },
    tooLong: () => undefined,
  });
  const path = join(dataDir, ...file.split('/'));
  const port = { block: scan.add, progress: () => undefined, isEnough: () => isEnough };
  const read = await readPart(path, ino, port);
  if (!read.ok) return read;
  const { gzip } = read.value;
  if (!isEnough && gzip !== null && gzip.damage !== null)
    return err(failure('damaged', `${file}: ${gzip.damage.message}`, 'never'));
  return ok(undefined);
}
