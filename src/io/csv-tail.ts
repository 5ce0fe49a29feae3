/** The newest rows of a CSV file, read from its end; of an archive, which can only be read from its beginning. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { splitRow } from '../core/csv-row.ts';
import type { CsvRecord } from './csv-read.ts';
import { closing, type FileOps, ifThere } from './file-ops.ts';
import { readFully } from './file-tail.ts';

const BLOCK = 256 * 1024;
/** Of huge rows fewer are read. */
const MOST = 16 * 1024 * 1024;
const HEADER_BYTES = 4 * 1024;

/**
 * At most `count` whole rows, oldest first; none where the file is missing. A torn last row is left out. Rejects with
 * the system's error.
 */
export async function readTail(ops: FileOps, path: string, count: number): Promise<readonly CsvRecord[]> {
  const lines = path.endsWith('.gz') ? await gzipLines(path, count) : await plainLines(ops, path, count);
  return lines === null ? [] : parse(lines);
}

interface Lines {
  readonly header: string;
  readonly rows: readonly string[];
}

async function plainLines(ops: FileOps, path: string, count: number): Promise<Lines | null> {
  const fd = await ifThere(ops.open(path, 'r'));
  if (fd === null) return null;
  return closing(ops, fd, async () => {
    const size = await ops.size(fd);
    const top = Buffer.alloc(Math.min(HEADER_BYTES, size));
    await readFully(ops, fd, top, 0);
    const headerEnd = top.indexOf(10);
    if (headerEnd < 0) return null;
    let tail = Buffer.alloc(0);
    let from = size;
    // One line end more than rows: the first piece may be the end of a row.
    while (from > headerEnd + 1 && tail.length < MOST && lineEnds(tail) <= count) {
      const start = Math.max(headerEnd + 1, from - BLOCK);
      const block = Buffer.alloc(from - start);
      await readFully(ops, fd, block, start);
      tail = Buffer.concat([block, tail]);
      from = start;
    }
    const pieces = tail.toString('utf8').split('\n').slice(0, -1);
    if (from > headerEnd + 1) pieces.shift();
    return { header: top.toString('utf8', 0, headerEnd), rows: pieces.slice(-count) };
  });
}

async function gzipLines(path: string, count: number): Promise<Lines | null> {
  const raw = createReadStream(path);
  const input = raw.pipe(createGunzip());
  // A pipe does not hand on the error of its source.
  raw.on('error', (thrown) => input.destroy(thrown));
  let header: string | null = null;
  let rows: string[] = [];
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (header === null) header = line;
    else rows.push(line);
    if (rows.length >= 2 * count) rows = rows.slice(-count);
  }
  return header === null ? null : { header, rows: rows.slice(-count) };
}

/** A damaged row is left out: its neighbours are still good. */
function parse({ header, rows }: Lines): readonly CsvRecord[] {
  const columns = header.split(',');
  return rows.flatMap((row) => {
    const cells = splitRow(row);
    if (cells === null || cells.length !== columns.length) return [];
    return [Object.fromEntries(columns.map((column, at) => [column, cells[at] ?? '']))];
  });
}

function lineEnds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
