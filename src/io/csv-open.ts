/** Opens a CSV file to go on with: whole rows, under the expected header, or a new file. */

import { basename, dirname } from 'node:path';
import { dayOfFirstRow } from './csv-day.ts';
import {
  attempt,
  coded,
  type FileOps,
  type FileReport,
  ifThere,
  makeFolder,
  syncFolder,
} from './file-ops.ts';
import { createUnique, cutTornTail, readFully, utcStamp } from './file-tail.ts';

export interface OpenedCsv {
  readonly fd: number;
  /** Where the next byte goes. 0: the file is empty and wants its header. */
  readonly position: number;
  /** The day of the rows that are there; null where there are none, or the columns do not tell. */
  readonly day: string | null;
  /** The repairs that were made, in order. */
  readonly repairs: readonly Pick<FileReport, 'reason' | 'message'>[];
}

type Repairs = Pick<FileReport, 'reason' | 'message'>[];

/**
 * Opens `path` for positioned writes behind its last whole row, making the file and its folders where they are
 * missing (durably). A file with other columns is renamed to `<name>.columns-<UTC time>.csv`; a torn last row is
 * moved to `<path>.torn-<UTC time>`. Rejects with the system's error.
 */
export async function openCsv(
  ops: FileOps,
  path: string,
  header: string,
  wallUs: number,
): Promise<OpenedCsv> {
  const repairs: Repairs = [];
  const existing = await ifThere(ops.open(path, 'r+'));
  if (existing !== null) {
    const checked = await attempt(async () => {
      if (!(await startsWithHeader(ops, existing, header))) return null;
      const tail = await cutTornTail(ops, existing, path, wallUs);
      return { ...tail, day: await dayOfFirstRow(ops, existing, header) };
    });
    if (checked.ok && checked.value !== null) {
      const { size, tornBytes, aside, day } = checked.value;
      if (aside !== null) {
        repairs.push({ reason: 'torn_tail', message: `${tornBytes} torn bytes moved to ${basename(aside)}` });
      }
      if (size === 0) return openedEmpty(ops, existing, path, repairs);
      return { fd: existing, position: size, day, repairs };
    }
    await ops.close(existing);
    if (!checked.ok) throw coded(checked.error.code, checked.error.message);
    const aside = await setAside(ops, path, wallUs);
    repairs.push({ reason: 'columns', message: `other columns: file set aside as ${basename(aside)}` });
  }
  await makeFolder(ops, dirname(path));
  return openedEmpty(ops, await ops.open(path, 'wx+'), path, repairs);
}

/** An empty file's name may not be on disk yet, whoever made it: without it the rows are lost with the power. */
async function openedEmpty(ops: FileOps, fd: number, path: string, repairs: Repairs): Promise<OpenedCsv> {
  const durable = await attempt(() => syncFolder(ops, dirname(path)));
  if (durable.ok) return { fd, position: 0, day: null, repairs };
  await ops.close(fd);
  throw coded(durable.error.code, durable.error.message);
}

/** True too for an empty file and for the torn beginning of this header, which the cut of the tail then removes. */
async function startsWithHeader(ops: FileOps, fd: number, header: string): Promise<boolean> {
  const line = Buffer.from(`${header}\n`);
  const size = await ops.size(fd);
  const start = new Uint8Array(Math.min(size, line.length));
  await readFully(ops, fd, start, 0);
  return line.subarray(0, start.length).equals(start);
}

async function setAside(ops: FileOps, path: string, wallUs: number): Promise<string> {
  const stem = path.endsWith('.csv') ? path.slice(0, -4) : path;
  // The name is reserved first: a rename would replace an earlier file of the same name without a word.
  const reserved = await createUnique(ops, `${stem}.columns-${utcStamp(wallUs)}`, '.csv');
  await ops.close(reserved.fd);
  await ops.rename(path, reserved.path);
  await syncFolder(ops, dirname(path));
  return reserved.path;
}
