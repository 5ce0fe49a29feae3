/**
 * A file of lines that outlives its disk's failures. What cannot be written is lost and counted; every few seconds it
 * is tried again, and when it works a line says how many are missing. Never holds the caller, never throws.
 */

import type { Cancel, Clock } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import { attempt, closing, coded, type FileOps, nothingWritten } from './file-ops.ts';
import { readFully } from './file-tail.ts';

export interface LineFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly ops: FileOps;
  /** A line (with its `\n`) that tells of lines lost before it, and of the newest reason. */
  lostLine(count: number, why: Failure): string;
}

export interface LineFile {
  /** Takes one whole line, with its `\n`. */
  write(line: string): void;
  /** Lines that are not in the file. */
  errors(): { readonly count: number; readonly last: Failure | null };
  /** Resolves when the lines are written, or soon after when the disk does not take them. */
  close(): Promise<void>;
}

/** What waits for a disk that does not take it, in UTF-16 units; beyond this, lines are left out. */
const MAX_WAITING = 4 * 1024 * 1024;
const RETRY_MS = 5_000;
const CLOSE_MS = 1_000;
const NEWLINE = 10;

export function createLineFile({ path, clock, ops, lostLine }: LineFileOptions): LineFile {
  let file: { readonly fd: number; position: number; isTorn: boolean } | null = null;
  let waiting: string[] = [];
  let waitingUnits = 0;
  /** Lines of the write that is under way. */
  let underWay = 0;
  let busy = false;
  let written: Promise<void> = Promise.resolve();
  /** Set while the disk fails: nothing is tried before. */
  let retry: Cancel | null = null;
  let closed = false;
  let gaveUp = false;
  let count = 0;
  /** Lost lines that the file does not tell of yet. */
  let untold = 0;
  let last: Failure | null = null;
  /** The last line in the file is whole but for its end. */
  let isUnended = false;

  const lose = (lines: number, why: Failure): void => {
    count += lines;
    untold += lines;
    last = why;
  };

  const pump = (): void => {
    if (busy) return;
    busy = true;
    written = drain();
  };

  async function drain(): Promise<void> {
    while (retry === null && (waiting.length > 0 || untold > 0 || isUnended)) {
      const lines = waiting;
      const told = untold;
      waiting = [];
      waitingUnits = 0;
      underWay = lines.length;
      // Last: what waited here came before what was lost.
      const tail = told > 0 && last !== null ? lostLine(told, last) : '';
      const put = await putAll(Buffer.from(lines.join('') + tail));
      if (gaveUp) return;
      underWay = 0;
      if (put.lines > lines.length) untold -= told;
      if (put.error === null) continue;
      lose(Math.max(0, lines.length - put.lines), put.error);
      if (!closed) retry = clock.after(RETRY_MS, tryAgain);
      else if (waiting.length === 0) break;
    }
    busy = false;
  }

  const tryAgain = (): void => {
    retry = null;
    pump();
  };

  /** Writes the bytes; the number of whole lines of them that are in the file, and why it is not all. */
  async function putAll(bytes: Buffer): Promise<{ readonly lines: number; readonly error: Failure | null }> {
    let done = 0;
    const put = await attempt(async () => {
      const to = file ?? (await openAgain());
      file = to;
      if (to.isTorn) await writeSome(to, Buffer.of(NEWLINE));
      to.isTorn = false;
      isUnended = false;
      while (done < bytes.length) done += await writeSome(to, bytes.subarray(done));
    });
    if (put.ok) return { lines: linesIn(bytes), error: null };
    const begun = bytes.subarray(0, done);
    const isCut = await letGo(done - (begun.lastIndexOf(NEWLINE) + 1));
    // Only its end is missing, which it gets when the file is opened again.
    const isThere = !isCut && bytes[done] === NEWLINE;
    isUnended ||= isThere;
    return { lines: linesIn(begun) + (isThere ? 1 : 0), error: put.error };
  }

  async function writeSome(
    to: { readonly fd: number; position: number },
    bytes: Uint8Array,
  ): Promise<number> {
    const count = await ops.write(to.fd, bytes, 0, bytes.length, to.position);
    if (count <= 0) throw nothingWritten();
    to.position += count;
    return count;
  }

  async function openAgain(): Promise<{ fd: number; position: number; isTorn: boolean }> {
    const fd = await ops.open(path, 'a+');
    const looked = await attempt(async () => {
      const position = await ops.size(fd);
      const end = new Uint8Array(1);
      if (position > 0) await readFully(ops, fd, end, position - 1);
      return { fd, position, isTorn: position > 0 && end[0] !== NEWLINE };
    });
    if (looked.ok) return looked.value;
    await ops.close(fd);
    throw coded(looked.error.code, looked.error.message);
  }

  /** Cuts a torn line and closes the file. False: it could not be cut, and is ended when the file is opened again. */
  async function letGo(torn: number): Promise<boolean> {
    const going = file;
    file = null;
    let isCut = torn === 0;
    if (going === null) return isCut;
    // Why it failed was told, or is when the file is opened again.
    await attempt(() =>
      closing(ops, going.fd, async (fd) => {
        if (torn > 0) await ops.truncate(fd, (await ops.size(fd)) - torn);
        isCut = true;
      }),
    );
    return isCut;
  }

  return {
    write(line) {
      if (closed) return lose(1, failure('closed', 'the file is closed', 'never'));
      if (retry !== null && last !== null) return lose(1, last);
      if (waitingUnits > MAX_WAITING) return lose(1, failure('dropped', 'the disk does not take the lines'));
      waiting.push(line);
      waitingUnits += line.length;
      pump();
    },
    errors: () => ({ count, last }),
    async close() {
      if (closed) return;
      closed = true;
      retry?.();
      retry = null;
      pump();
      await within(
        CLOSE_MS,
        clock,
        written.then(() => letGo(0)),
      );
      if (!busy) return;
      gaveUp = true;
      lose(waiting.length + underWay, failure('dropped', 'given up at the close'));
    },
  };
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

function within(ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    void work.then(() => {
      cancel();
      resolve();
    });
  });
}
