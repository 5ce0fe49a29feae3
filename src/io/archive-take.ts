/** How a live file comes into the archive: renamed into the folder of its day, under a number of its own. */

import { dirname } from 'node:path';
import { isDay, stemOf } from './archive-name.ts';
import { createArchiveNumbers } from './archive-numbers.ts';
import { closing, coded, type FileOps, ifThere, makeFolder, pathUnder, syncFolder } from './file-ops.ts';
import { readFully } from './file-tail.ts';
import type { SealedBy } from './manifest.ts';

/** See `Archive.take`. */
export type Take = (file: string, day: string, by: SealedBy) => Promise<void>;

/** What a call began; it is kept until all of it is durable, so that the next call can go on. */
type Step =
  | { readonly kind: 'remove' }
  | { readonly kind: 'move'; readonly day: string; readonly by: SealedBy; readonly to: string };

/** No header of ours is as long. */
const HEADER_BYTES = 65_536;
const NEWLINE = 10;

/** `onTaken` is told of each file that arrived: its plain name relative to the data directory. */
export function createTake(
  dataDir: string,
  ops: FileOps,
  onTaken: (file: string, by: SealedBy) => void,
): Take {
  const numbers = createArchiveNumbers(dataDir, ops);
  const unfinished = new Map<string, Step>();

  return async (file, day, by) => {
    const stem = stemOf(file);
    if (!isDay(day)) throw new RangeError(`not a day: ${JSON.stringify(day)}`);
    const live = pathUnder(dataDir, file);

    const left = unfinished.get(file);
    const hasArrived = left?.kind === 'move' && (await isThere(left.to));
    if (left?.kind === 'move' && hasArrived) await arrive(file, left);

    const fd = await ifThere(ops.open(live, 'r'));
    if (fd === null) {
      if (hasArrived) return;
      if (left?.kind !== 'remove') throw coded('ENOENT', `there is no ${file}`);
    } else if (await closing(ops, fd, () => hasRows(ops, fd))) {
      const again = !hasArrived && left?.kind === 'move' && left.day === day;
      const to = again ? left.to : await numbers.next(day, stem);
      const step = { kind: 'move', day, by, to } as const;
      unfinished.set(file, step);
      const path = pathUnder(dataDir, to);
      await makeFolder(ops, dirname(path));
      await ops.rename(live, path);
      return arrive(file, step);
    } else {
      unfinished.set(file, { kind: 'remove' });
      await ops.unlink(live);
    }
    await syncFolder(ops, dirname(live));
    unfinished.delete(file);
  };

  async function arrive(file: string, step: { readonly by: SealedBy; readonly to: string }): Promise<void> {
    await syncFolder(ops, dirname(pathUnder(dataDir, step.to)));
    await syncFolder(ops, dirname(pathUnder(dataDir, file)));
    unfinished.delete(file);
    onTaken(step.to, step.by);
  }

  async function isThere(file: string): Promise<boolean> {
    const fd = await ifThere(ops.open(pathUnder(dataDir, file), 'r'));
    if (fd === null) return false;
    await ops.close(fd);
    return true;
  }
}

/** False for an empty file and one with nothing but its header. */
export async function hasRows(ops: FileOps, fd: number): Promise<boolean> {
  const size = await ops.size(fd);
  const start = new Uint8Array(Math.min(size, HEADER_BYTES));
  await readFully(ops, fd, start, 0);
  const headerEnd = start.indexOf(NEWLINE);
  return size > 0 && (headerEnd < 0 || headerEnd + 1 < size);
}
