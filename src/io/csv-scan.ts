/** Counts the rows of a CSV text that arrives in blocks, and finds its earliest and latest time of receipt. */

const NEWLINE = 10;
const COMMA = 44;
const ZERO = 48;
const NINE = 57;

export interface CsvScan {
  /** The next bytes; they are not kept. */
  add(block: Uint8Array): void;
  /** Of the whole lines so far. */
  result(): ScannedRows;
}

export interface ScannedRows {
  /** Lines behind the header. */
  readonly rows: number;
  /** Smallest and largest `local_timestamp` (µs); null when no row has one. */
  readonly firstUs: number | null;
  readonly lastUs: number | null;
}

/**
 * One row is one line (no cell of ours holds a raw newline), and no cell before `local_timestamp` is quoted. Book
 * rows need not be in order, so every row is looked at; what follows the cell is skipped.
 */
export function createCsvScan(): CsvScan {
  let header = '';
  let inHeader = true;
  /** Of `local_timestamp`; -1 where the header has none. */
  let column = -1;
  let rows = 0;
  let firstUs = Number.POSITIVE_INFINITY;
  let lastUs = Number.NEGATIVE_INFINITY;
  /** Of the row that is being read: which cell, the digits of the wanted one (NaN: it is no number). */
  let cell = 0;
  let digits = 0;
  let value = 0;

  /** The cell that is wanted has ended. */
  const take = (): void => {
    if (digits === 0 || !Number.isSafeInteger(value)) return;
    firstUs = Math.min(firstUs, value);
    lastUs = Math.max(lastUs, value);
  };

  const endRow = (): void => {
    rows += 1;
    cell = 0;
    digits = 0;
    value = 0;
  };

  /** Reads on up to the end of the wanted cell or of the line; gives the place behind it. */
  const readCells = (block: Uint8Array, from: number): number => {
    for (let at = from; at < block.length; at++) {
      const byte = block[at] ?? 0;
      if (byte === COMMA || byte === NEWLINE) {
        if (cell === column) take();
        if (byte === NEWLINE) {
          endRow();
          return at + 1;
        }
        cell += 1;
        if (cell > column) return at + 1;
      } else if (cell === column) {
        digits += 1;
        value = byte >= ZERO && byte <= NINE ? value * 10 + byte - ZERO : Number.NaN;
      }
    }
    return block.length;
  };

  const skipLine = (block: Uint8Array, from: number): number => {
    const end = block.indexOf(NEWLINE, from);
    if (end < 0) return block.length;
    endRow();
    return end + 1;
  };

  const readHeader = (block: Uint8Array): number => {
    const end = block.indexOf(NEWLINE);
    header += Buffer.from(block.subarray(0, end < 0 ? block.length : end)).toString('latin1');
    if (end < 0) return block.length;
    column = header.split(',').indexOf('local_timestamp');
    inHeader = false;
    return end + 1;
  };

  return {
    add(block) {
      let at = inHeader ? readHeader(block) : 0;
      while (at < block.length) at = cell <= column ? readCells(block, at) : skipLine(block, at);
    },
    result: () => ({
      rows,
      firstUs: Number.isFinite(firstUs) ? firstUs : null,
      lastUs: Number.isFinite(lastUs) ? lastUs : null,
    }),
  };
}
