/** One CSV file that grows: rows queued, written at an explicit position, fsynced. One caller at a time. */

import type { Clock } from '../core/ports.ts';
import { failureOf } from '../core/result.ts';
import { openCsv } from './csv-open.ts';
import {
  attempt,
  closing,
  coded,
  type FileOps,
  type FileReport,
  ifThere,
  nothingWritten,
} from './file-ops.ts';

const NEWLINE = 10;

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** The day whose file these rows belong to; null: any. */
  readonly day: string | null;
  /** A new file begins with these rows. */
  readonly begins: boolean;
  /** Called when the bytes were handed to the file (true), or given up. */
  readonly done: ((written: boolean) => void) | undefined;
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
  /** The day of the rows in the file; null while it has none, or where its columns do not tell. */
  day: string | null;
  /** What stands before this position is on the disk, by the word of an fsync. */
  syncedTo: number;
  /** What was written since: an fsync that fails may have lost it. */
  unsynced: Uint8Array[];
  /** An fsync failed: what stands behind `syncedTo` is to be written again. */
  distrusted: boolean;
  /** Monotonic time of the oldest byte that is written and not fsynced. */
  dirtySinceMs: number | null;
}

export interface FileContext {
  readonly ops: FileOps;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
}

export function csvFile(name: string, path: string, header: string): CsvFile {
  return { name, path, header, queue: [], taken: null, fd: null, dirtySinceMs: null, ...fresh() };
}

/** Of a file that is not there yet. */
const fresh = () => ({
  position: 0,
  day: null,
  syncedTo: 0,
  unsynced: [] as Uint8Array[],
  distrusted: false,
});

/** The rows so far are another file's now (it was renamed): the next ones begin a new one. */
export function beginAnew(file: CsvFile): void {
  Object.assign(file, fresh());
}

/** The next rows stay in the open file, whatever day they are of. */
export function stayOpen(file: CsvFile): void {
  const [next, ...others] = file.queue;
  if (next === undefined) return;
  file.day = next.day ?? file.day;
  file.queue = [{ ...next, begins: false }, ...others];
}

export function hasRows(file: CsvFile): boolean {
  return file.taken !== null || file.queue.length > 0;
}

/** True when the next rows belong into another file than the open one. */
export function isTurn(file: CsvFile): boolean {
  const [next] = file.queue;
  return file.taken === null && next !== undefined && belongsElsewhere(file, next);
}

function belongsElsewhere(file: CsvFile, chunk: Chunk): boolean {
  if (file.position <= Buffer.byteLength(file.header) + 1) return false;
  return chunk.begins || (chunk.day !== null && file.day !== null && chunk.day !== file.day);
}

/** Rows that are not in the file yet. After a failed write a part of what was taken can be. */
export function rowsLeft(file: CsvFile): number {
  const rows = file.queue.reduce((sum, chunk) => sum + chunk.rows, 0);
  const { taken } = file;
  if (taken === null) return rows;
  return rows + rowsIn([taken.bytes.subarray(Math.max(wholeRowsOf(taken), taken.headerBytes))]);
}

/** Those rows. What an fsync may have lost is among them too: it can be cut and be written again. */
export function rowsWaiting(file: CsvFile): readonly Uint8Array[] {
  const { taken, queue, distrusted, unsynced, syncedTo } = file;
  const rest = taken === null ? [] : [taken.bytes.subarray(Math.max(wholeRowsOf(taken), taken.headerBytes))];
  const again = Buffer.concat(distrusted ? unsynced : []);
  const header = syncedTo === 0 ? again.indexOf(NEWLINE) + 1 : 0;
  return [again.subarray(header), ...rest, ...queue.map(({ bytes }) => bytes)].filter(
    ({ length }) => length > 0,
  );
}

export function rowsIn(parts: readonly Uint8Array[]): number {
  let rows = 0;
  for (const bytes of parts)
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) rows++;
  return rows;
}

/** Opens the file where it is not open. Rejects with the system's error. */
export async function openFile(file: CsvFile, context: FileContext): Promise<number> {
  if (file.fd !== null) return file.fd;
  const { ops, clock, report } = context;
  if (file.distrusted) await cutToSynced(file, ops);
  const opened = await openCsv(ops, file.path, file.header, clock.wallUs());
  file.fd = opened.fd;
  file.position = opened.position;
  // What is to be written again is of the day that the file was of.
  file.day = opened.day ?? (file.taken === null ? null : file.day);
  // Another's file, or one that was begun anew: nothing of it is known.
  if (file.unsynced.length === 0) file.syncedTo = opened.position;
  if (file.taken !== null) resume(file.taken, file);
  for (const repair of opened.repairs) report({ type: 'repair', scope: file.name, ...repair });
  return opened.fd;
}

/**
 * Writes what is queued for this file: one write call, more only where the system wrote short. After a failure the
 * file ends with a whole row, and the next call goes on behind it. Resolves with the chunks that are now in the file.
 */
export async function writeRows(file: CsvFile, fd: number, context: FileContext): Promise<readonly Chunk[]> {
  const { ops, clock } = context;
  const taken = file.taken ?? take(file);
  file.taken = taken;
  const from = taken.offset;
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
    file.unsynced.push(taken.bytes.subarray(from, wholeRowsOf(taken)));
    throw coded(code, cut.ok ? message : `${message}; the last row is torn: ${cut.error.message}`);
  }
  file.unsynced.push(taken.bytes.subarray(from));
  file.taken = null;
  return taken.chunks;
}

/**
 * After an error the system may have dropped the pages, so the descriptor is not asked again: it is closed, and what
 * was written since the last good fsync is written again. So too when the file is no longer there.
 */
export async function syncRows(file: CsvFile, fd: number, ops: FileOps): Promise<void> {
  const synced = await attempt(async () => {
    await ops.sync(fd);
    if ((await ops.links(fd)) === 0) throw coded('file_gone', 'the file was removed while it was written');
  });
  if (synced.ok) {
    file.dirtySinceMs = null;
    file.syncedTo = file.position;
    file.unsynced = [];
    return;
  }
  file.distrusted = true;
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

/** Through a new descriptor: the file ends where the last good fsync left it, and what followed waits once more. */
async function cutToSynced(file: CsvFile, ops: FileOps): Promise<void> {
  const fd = await ifThere(ops.open(file.path, 'r+'));
  if (fd !== null) {
    await closing(ops, fd, async () => {
      if ((await ops.size(fd)) <= file.syncedTo) return;
      await ops.truncate(fd, file.syncedTo);
      await ops.sync(fd);
    });
  }
  const { taken, unsynced } = file;
  const rest = taken === null ? [] : [taken.bytes.subarray(Math.max(taken.offset, taken.headerBytes))];
  const headerBytes = file.syncedTo === 0 && unsynced.length > 0 ? Buffer.byteLength(file.header) + 1 : 0;
  const bytes = Buffer.concat([...unsynced, ...rest]);
  file.taken = { chunks: taken?.chunks ?? [], bytes, headerBytes, offset: 0 };
  file.unsynced = [];
  file.distrusted = false;
}

function take(file: CsvFile): Taken {
  const [first, ...others] = file.queue;
  file.day = first?.day ?? file.day;
  const turn = others.findIndex((chunk) => chunk.begins || (chunk.day !== null && chunk.day !== file.day));
  const chunks = file.queue.splice(0, turn < 0 ? file.queue.length : turn + 1);
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
