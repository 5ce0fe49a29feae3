/**
 * The end of a file of lines after a kill or a power cut. The rule: one row is one line. No cell of ours holds a
 * raw newline (digits, ids and symbols have none, JSON escapes them), so the last whole row ends at the last `\n`,
 * and what follows it is torn.
 */

import { dirname } from 'node:path';
import { attempt, closing, coded, type FileOps, hasCode, syncFolder, writeAll } from './file-ops.ts';

const PAGE = 4_096;
const BLOCK = 65_536;
const NEWLINE = 10;

export interface TornTail {
  /** Size of the file now: whole lines only. */
  readonly size: number;
  readonly tornBytes: number;
  /** The file that holds the torn bytes; null when there were none. */
  readonly aside: string | null;
}

/** Moves a torn last line to `<path>.torn-<UTC time>`, then cuts it off. The descriptor is open for read and write. */
export async function cutTornTail(ops: FileOps, fd: number, path: string, wallUs: number): Promise<TornTail> {
  const size = await ops.size(fd);
  const whole = await endOfLastLine(ops, fd, size);
  if (whole === size) return { size, tornBytes: 0, aside: null };

  const copy = await createUnique(ops, `${path}.torn-${utcStamp(wallUs)}`, '');
  const copied = await attempt(() =>
    closing(ops, copy.fd, async (to) => {
      await copyRange(ops, fd, to, whole, size);
      await ops.sync(to);
    }),
  );
  if (!copied.ok) {
    // Tried again later: a part of a copy each time would fill the disk.
    await attempt(() => ops.unlink(copy.path));
    throw coded(copied.error.code, copied.error.message);
  }
  await syncFolder(ops, dirname(path));
  await ops.truncate(fd, whole);
  await ops.sync(fd);
  return { size: whole, tornBytes: size - whole, aside: copy.path };
}

/** `20261121T093000.000123Z`: UTC, with no character that a file system refuses. */
export function utcStamp(wallUs: number): string {
  const iso = new Date(wallUs / 1000).toISOString().replaceAll(/[-:]/g, '');
  return iso.replace(/\.\d+Z$/, `.${String(Math.trunc(wallUs) % 1_000_000).padStart(6, '0')}Z`);
}

/** Creates `stem + ending`, or `stem-2 + ending` and so on where that exists. */
export async function createUnique(
  ops: FileOps,
  stem: string,
  ending: string,
): Promise<{ readonly fd: number; readonly path: string }> {
  for (let n = 1; ; n++) {
    const path = n === 1 ? `${stem}${ending}` : `${stem}-${n}${ending}`;
    try {
      return { fd: await ops.open(path, 'wx'), path };
    } catch (thrown) {
      if (!hasCode(thrown, 'EEXIST')) throw thrown;
    }
  }
}

/**
 * Behind the last whole line. Pages that a power cut took read as zeros, and whole lines can stand behind them: what
 * follows the first zero, looked for back to a page without any, is no row either.
 */
async function endOfLastLine(ops: FileOps, fd: number, size: number): Promise<number> {
  // A file that ends well is known by its last page: ledgers are looked at for each line.
  let length = PAGE;
  let best = -1;
  for (let end = size; end > 0; length = BLOCK) {
    const start = Math.max(0, end - length);
    const block = new Uint8Array(end - start);
    await readFully(ops, fd, block, start);
    const zero = block.indexOf(0);
    if (zero < 0 && best >= 0) return best;
    const trusted = zero < 0 ? block.length : zero;
    const at = trusted === 0 ? -1 : block.lastIndexOf(NEWLINE, trusted - 1);
    if (zero < 0 && at >= 0) return start + at + 1;
    if (zero >= 0) best = at < 0 ? -1 : start + at + 1;
    end = start;
  }
  return Math.max(best, 0);
}

async function copyRange(ops: FileOps, from: number, to: number, start: number, end: number): Promise<void> {
  const block = new Uint8Array(BLOCK);
  for (let at = start; at < end; at += BLOCK) {
    const part = block.subarray(0, Math.min(BLOCK, end - at));
    await readFully(ops, from, part, at);
    await writeAll(ops, to, part, at - start);
  }
}

/** Fills `into` from `position`. Rejects when the file ends before. */
export async function readFully(ops: FileOps, fd: number, into: Uint8Array, position: number): Promise<void> {
  let filled = 0;
  while (filled < into.length) {
    const count = await ops.read(fd, into.subarray(filled), position + filled);
    if (count === 0) throw coded('EIO', 'the file became shorter while it was read');
    filled += count;
  }
}
