/** Real files in a folder of their own, and disks that misbehave on demand. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';

export async function tempFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tapedeck-'));
}

export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** The real file system with some operations replaced. */
export function opsWith(replaced: Partial<FileOps>): FileOps {
  return { ...nodeFileOps, ...replaced };
}

/** Every write call writes at most `bytes`, as a disk does that fills up. */
export function shortWrites(bytes: number): FileOps {
  return opsWith({
    write: (fd, from, offset, length, position) =>
      nodeFileOps.write(fd, from, offset, Math.min(length, bytes), position),
  });
}

export interface Budget {
  /** Bytes that may still be written; then a short write, then ENOSPC. */
  left: number;
}

export function withBudget(budget: Budget): FileOps {
  return opsWith({
    async write(fd, from, offset, length, position) {
      if (budget.left <= 0) throw systemError('ENOSPC');
      const count = await nodeFileOps.write(fd, from, offset, Math.min(length, budget.left), position);
      budget.left -= count;
      return count;
    },
  });
}
