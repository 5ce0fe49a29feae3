/**
 * The CSV dialect of every file (DESIGN 6.3): UTF-8, `,`, `\n`, a cell quoted only when it must be, a list or an
 * object as one cell of compact JSON. The bytes are those that fast-csv writes (proved by a property test).
 */

export type Cell =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly unknown[]
  | { readonly [key: string]: unknown };

/** One cell. NUL is left out, as fast-csv does: no CSV reader agrees on it. */
export function encodeCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'string') return quoteIfNeeded(cell);
  if (typeof cell === 'object') return quoteIfNeeded(JSON.stringify(cell));
  return String(cell);
}

/** One whole row with its line end. */
export function encodeRow(cells: readonly Cell[]): string {
  let row = '';
  for (let i = 0; i < cells.length; i++) row += i === 0 ? encodeCell(cells[i]) : `,${encodeCell(cells[i])}`;
  return `${row}\n`;
}

function quoteIfNeeded(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // `|` needs no quotes, yet fast-csv quotes it: the bytes are the contract.
    if (code === 34 || code === 44 || code === 10 || code === 13 || code === 124 || code === 0)
      return quote(text);
  }
  return text;
}

function quote(text: string): string {
  const clean = text.replaceAll('\0', '');
  return /[",\n\r|]/.test(clean) ? `"${clean.replaceAll('"', '""')}"` : clean;
}
