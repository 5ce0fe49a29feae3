/** Small files that are replaced whole (status, latest, state) and ledgers that grow by lines: never torn. */

import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/ports.ts';
import { err, failure, type Result } from '../core/result.ts';
import {
  attempt,
  closing,
  coded,
  type FileOps,
  type FileReport,
  type FileRights,
  hasCode,
  ifThere,
  makeFolder,
  nodeFileOps,
  syncFolder,
  writeAll,
} from './file-ops.ts';
import { createUnique, cutTornTail } from './file-tail.ts';

export interface ReplaceOptions {
  readonly ops?: FileOps;
  /** Those of the new file; what the system gives, when left out. */
  readonly rights?: FileRights;
  /** Waits between two tries of a rename (Windows). */
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface AppendOptions {
  readonly clock: Pick<Clock, 'wallUs'>;
  /** Told when a torn line of an earlier process was moved aside. */
  readonly report: (report: FileReport) => void;
  readonly ops?: FileOps;
}

/** Windows: virus scanners and indexers hold a file for moments. About 2.5 s in all. */
const RENAME_WAITS_MS = [10, 20, 40, 80, 160, 320, 640, 1280];

const TEMP_NAME = /^\..+\.\d+(-\d+)?\.tmp$/;

/**
 * Replaces a file so that a reader, a kill or a power cut meets the old bytes or the new, whole. Makes the folder
 * when it is missing. Calls for one path take turns. On a failure the old file stands, except when only the last
 * step (fsync of the folder) failed: then the new one does, and may not survive a power cut.
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<Result<void>> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return inTurn(resolve(path), (target) => replaceNow(target, bytes, options));
}

/** Null where there is no such file. */
export function readText(path: string): Promise<Result<string | null>> {
  return attempt(() => ifThere(readFile(path, 'utf8')));
}

/** Removes temp files that a killed process left in a folder. Only for the holder of the lock, at its start. */
export function removeStaleTemps(folder: string, ops: FileOps = nodeFileOps): Promise<Result<number>> {
  return attempt(async () => {
    const stale = (await ops.list(folder)).filter((name) => TEMP_NAME.test(name));
    for (const name of stale) await ops.unlink(join(folder, name));
    return stale.length;
  });
}

/**
 * Appends one line (without its `\n`) to a ledger and fsyncs it. Lines of one path keep their order; those that
 * wait for the same turn share one write. On a failure none of them is
 * in the file, or the message says otherwise. Throws on a line with `\n`.
 */
export function appendLine(path: string, line: string, options: AppendOptions): Promise<Result<void>> {
  if (line.includes('\n')) throw new RangeError('a ledger line holds no line end');
  const target = resolve(path);
  const group = waiting.get(target);
  if (group) {
    group.lines.push(line);
    return group.done;
  }
  const lines = [line];
  const done = inTurn(target, () => {
    waiting.delete(target);
    return attempt(() => appendNow(target, lines, options));
  });
  waiting.set(target, { lines, done });
  return done;
}

// The turns are per process, since paths are: whoever calls, one path has one writer at a time.
const turns = new Map<string, Promise<unknown>>();
const waiting = new Map<string, { readonly lines: string[]; readonly done: Promise<Result<void>> }>();

function inTurn<T>(path: string, job: (path: string) => Promise<Result<T>>): Promise<Result<T>> {
  const mine = (turns.get(path) ?? Promise.resolve()).then(async () => {
    const result = await job(path);
    if (turns.get(path) === mine) turns.delete(path);
    return result;
  });
  turns.set(path, mine);
  return mine;
}

async function replaceNow(path: string, bytes: Uint8Array, options: ReplaceOptions): Promise<Result<void>> {
  const ops = options.ops ?? nodeFileOps;
  const temp = await attempt(() => createTemp(ops, path));
  if (!temp.ok) return temp;

  const placed = await attempt(async () => {
    await closing(ops, temp.value.fd, async (fd) => {
      if (options.rights !== undefined) await ops.setRights(fd, options.rights);
      await writeChecked(ops, fd, bytes);
    });
    await renameOver(ops, temp.value.path, path, options.wait ?? sleep);
  });
  if (!placed.ok) {
    const removed = await attempt(() => ops.unlink(temp.value.path));
    if (removed.ok) return placed;
    return err(failure(placed.error.code, `${placed.error.message}; left behind: ${removed.error.message}`));
  }
  return attempt(() => syncFolder(ops, dirname(path)));
}

async function createTemp(
  ops: FileOps,
  path: string,
): Promise<{ readonly fd: number; readonly path: string }> {
  const stem = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    return await createUnique(ops, stem, '.tmp');
  } catch (thrown) {
    if (!hasCode(thrown, 'ENOENT')) throw thrown;
    await makeFolder(ops, dirname(path));
    return createUnique(ops, stem, '.tmp');
  }
}

async function writeChecked(ops: FileOps, fd: number, bytes: Uint8Array): Promise<void> {
  await writeAll(ops, fd, bytes, 0);
  await ops.sync(fd);
  const size = await ops.size(fd);
  if (size !== bytes.length) {
    throw coded('wrong_size', `wrote ${bytes.length} bytes, the file has ${size}`);
  }
}

async function renameOver(
  ops: FileOps,
  from: string,
  to: string,
  wait: (ms: number) => Promise<unknown>,
): Promise<void> {
  const waits = ops.platform === 'win32' ? RENAME_WAITS_MS : [];
  for (const ms of waits) {
    try {
      return await ops.rename(from, to);
    } catch (thrown) {
      if (!hasCode(thrown, 'EPERM', 'EACCES', 'EBUSY')) throw thrown;
      await wait(ms);
    }
  }
  await ops.rename(from, to);
}

async function appendNow(path: string, lines: readonly string[], options: AppendOptions): Promise<void> {
  const ops = options.ops ?? nodeFileOps;
  const fd = await openToAppend(ops, path);
  await closing(ops, fd, async () => {
    const tail = await cutTornTail(ops, fd, path, options.clock.wallUs());
    if (tail.aside !== null) {
      const message = `${tail.tornBytes} torn bytes moved to ${basename(tail.aside)}`;
      options.report({ type: 'repair', scope: basename(path), reason: 'torn_tail', message });
    }
    const written = await attempt(async () => {
      await writeAll(ops, fd, Buffer.from(`${lines.join('\n')}\n`), tail.size);
      await ops.sync(fd);
      if (tail.size === 0) await syncFolder(ops, dirname(path));
    });
    if (written.ok) return;
    // The caller is told that the lines are not there, so they must not be.
    const cut = await attempt(() => ops.truncate(fd, tail.size));
    const left = cut.ok ? '' : `; the lines may be there in part: ${cut.error.message}`;
    throw coded(written.error.code, `${written.error.message}${left}`);
  });
}

async function openToAppend(ops: FileOps, path: string): Promise<number> {
  try {
    return await ops.open(path, 'r+');
  } catch (thrown) {
    if (!hasCode(thrown, 'ENOENT')) throw thrown;
  }
  await makeFolder(ops, dirname(path));
  return ops.open(path, 'wx+');
}
