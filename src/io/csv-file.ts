/** One CSV file that grows: rows queued, written at an explicit position, fsynced. One caller at a time. */

import type { Clock } from '../core/ports.ts';
import { failureOf } from '../core/result.ts';
import { openCsv } from './csv-open.ts';
import { attempt, coded, type FileOps, type FileReport, nothingWritten } from './file-ops.ts';

const NEWLINE = 10;

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** Called when the bytes were handed to the file, or refused for good. */
  readonly done: (() => void) | undefined;
}

/** The chunks that one write is, or was, under way for. */
interface Taken {
  readonly chunks: readonly Chunk[];
  /** What is still to be written, from `offset`; begins with the header in an empty file. */
  bytes: Uint8Array;
  /** Length of the header in front of `bytes`. */
  headerBytes: number;
  offset: number;
}

export interface CsvFile {
  readonly name: string;
  readonly path: string;
  readonly header: string;
  queue: Chunk[];
  taken: Taken | null;
  fd: number | null;
  position: number;
  /** Monotonic time of the oldest byte that is written and not fsynced. */
  dirtySinceMs: number | null;
}

export interface FileContext {
  readonly ops: FileOps;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
}

export function csvFile(name: string, path: string, header: string): CsvFile {
  return { name, path, header, queue: [], taken: null, fd: null, position: 0, dirtySinceMs: null };
}

export function hasRows(file: CsvFile): boolean {
  return file.taken !== null || file.queue.length > 0;
}

/** Rows that are not in the file yet. After a failed write a part of what was taken can be. */
export function rowsLeft(file: CsvFile): number {
  let rows = file.queue.reduce((sum, chunk) => sum + chunk.rows, 0);
  const { taken } = file;
  if (taken === null) return rows;
  const rest = taken.bytes.subarray(Math.max(wholeRowsOf(taken), taken.headerBytes));
  for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE, at + 1)) rows++;
  return rows;
}

/** Opens the file where it is not open. Rejects with the system's error. */
export async function openFile(file: CsvFile, context: FileContext): Promise<number> {
  if (file.fd !== null) return file.fd;
  const { ops, clock, report } = context;
  const opened = await openCsv(ops, file.path, file.header, clock.wallUs());
  file.fd = opened.fd;
  file.position = opened.position;
  if (file.taken !== null) resume(file.taken, file);
  for (const repair of opened.repairs) report({ type: 'repair', scope: file.name, ...repair });
  return opened.fd;
}

/**
 * Writes what is queued: one write call, more only where the system wrote short. After a failure the file ends
 * with a whole row, and the next call goes on behind it. Resolves with the chunks that are now in the file.
 */
export async function writeRows(file: CsvFile, fd: number, context: FileContext): Promise<readonly Chunk[]> {
  const { ops, clock } = context;
  const taken = file.taken ?? take(file);
  file.taken = taken;
  try {
    while (taken.offset < taken.bytes.length) {
      const left = taken.bytes.length - taken.offset;
      const count = await ops.write(fd, taken.bytes, taken.offset, left, file.position);
      if (count <= 0) throw nothingWritten();
      taken.offset += count;
      file.position += count;
      file.dirtySinceMs ??= clock.monoMs();
    }
  } catch (thrown) {
    const { code, message } = failureOf(thrown);
    const cut = await attempt(() => endWithWholeRow(file, taken, fd, ops));
    throw coded(code, cut.ok ? message : `${message}; the last row is torn: ${cut.error.message}`);
  }
  file.taken = null;
  return taken.chunks;
}

/** After an error the system may have dropped the pages, so the descriptor is not asked again: it is closed. */
export async function syncRows(file: CsvFile, fd: number, ops: FileOps): Promise<void> {
  const synced = await attempt(() => ops.sync(fd));
  if (synced.ok) {
    file.dirtySinceMs = null;
    return;
  }
  const closed = await attempt(() => closeFile(file, ops));
  const also = closed.ok ? '' : `; close: ${closed.error.message}`;
  throw coded(synced.error.code, `${synced.error.message}${also}`);
}

/** Closes the descriptor; what is queued stays queued. Rejects with the system's error, closed all the same. */
export async function closeFile(file: CsvFile, ops: FileOps): Promise<void> {
  const { fd, taken } = file;
  if (fd === null) return;
  file.fd = null;
  // A row of which only a part is in the file is cut as a torn tail at the next open, so it must be written again.
  if (taken !== null) taken.offset = wholeRowsOf(taken);
  await ops.close(fd);
}

function take(file: CsvFile): Taken {
  const chunks = file.queue;
  file.queue = [];
  const header = file.position === 0 ? Buffer.from(`${file.header}\n`) : null;
  const parts = chunks.map((chunk) => chunk.bytes);
  if (header) parts.unshift(header);
  const [only] = parts;
  const bytes = parts.length === 1 && only ? only : Buffer.concat(parts);
  return { chunks, bytes, headerBytes: header?.length ?? 0, offset: 0 };
}

/** A file that was opened again may have become empty, or may have its header by now. */
function resume(taken: Taken, file: CsvFile): void {
  const rest = taken.bytes.subarray(Math.max(taken.offset, taken.headerBytes));
  const header = file.position === 0 ? Buffer.from(`${file.header}\n`) : null;
  taken.bytes = header ? Buffer.concat([header, rest]) : rest;
  taken.headerBytes = header?.length ?? 0;
  taken.offset = 0;
}

/** How many bytes of what was written are whole rows. */
function wholeRowsOf(taken: Taken): number {
  return taken.offset === 0 ? 0 : taken.bytes.lastIndexOf(NEWLINE, taken.offset - 1) + 1;
}

async function endWithWholeRow(file: CsvFile, taken: Taken, fd: number, ops: FileOps): Promise<void> {
  const torn = taken.offset - wholeRowsOf(taken);
  if (torn === 0) return;
  await ops.truncate(fd, file.position - torn);
  file.position -= torn;
  taken.offset -= torn;
}
