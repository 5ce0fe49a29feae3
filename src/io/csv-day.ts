/** The UTC day of receipt that a CSV file's rows belong to, told by its first row. */

import { utcDay } from '../core/time.ts';
import type { FileOps } from './file-ops.ts';
import { readFully } from './file-tail.ts';

const RECEIPT = 'local_timestamp';
/** The cells up to the receipt time are short; no list stands before it. */
const ENOUGH = 512;

/** `2026-11-21`; null for a file without rows, or whose columns tell no receipt time. */
export async function dayOfFirstRow(ops: FileOps, fd: number, header: string): Promise<string | null> {
  const at = header.split(',').indexOf(RECEIPT);
  const start = Buffer.byteLength(header) + 1;
  const size = await ops.size(fd);
  if (at < 0 || size <= start) return null;
  const bytes = Buffer.alloc(Math.min(ENOUGH, size - start));
  await readFully(ops, fd, bytes, start);
  const us = Number(cellsOf(bytes.toString('utf8'))[at]);
  return Number.isSafeInteger(us) && us > 0 ? utcDay(us).name : null;
}

/** The cells of the first row, as far as the text goes. */
function cellsOf(text: string): readonly string[] {
  const cells = text.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^",\n]*)/gy);
  return [...cells].map((match) => match[1] ?? '');
}
