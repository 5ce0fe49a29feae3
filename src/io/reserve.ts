/**
 * The reserve file: room that is taken while there is plenty, and given back when the disk is full, so that the status
 * can still be written. Its bytes are really written, and do not compress: a hole would reserve nothing.
 */

import { basename, dirname, join } from 'node:path';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import { replaceFile } from './atomic.ts';
import { attempt, coded, type FileOps, type FileReport, hasCode, sizeAt, syncFolder } from './file-ops.ts';

export interface ReserveOptions {
  /** `runtime/reserve.bin`; its folder is there. */
  readonly path: string;
  readonly bytes: number;
  readonly ops: FileOps;
  /** Told when a file of another size was found and made anew. */
  readonly report: (report: FileReport) => void;
}

/** Every call may be made again, and at once with another: they take turns. */
export interface Reserve {
  /** Makes it where it is missing or of another size, and removes what a killed process left. A failure makes no part. */
  prepare(): Promise<Result<void>>;
  /** Gives its room back, durably. False when there was none. */
  release(): Promise<Result<boolean>>;
  /** Makes it again when `freeBytes` hold it and as much beside it. True when it was made; false: it is held, or no room. */
  restore(freeBytes: number): Promise<Result<boolean>>;
  /** As of the last call that ended. */
  held(): boolean;
}

const BLOCK_WORDS = 256 * 1024;

export function createReserve(options: ReserveOptions): Reserve {
  const { path, bytes, ops, report } = options;
  const folder = dirname(path);
  const name = basename(path);
  let held = false;
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(job: () => Promise<Result<T>>): Promise<Result<T>> {
    const mine = turn.then(job);
    turn = mine;
    return mine;
  }

  async function make(): Promise<Result<void>> {
    held = false;
    const size = await attempt(async () => {
      await removeTemps();
      return sizeAt(ops, path);
    });
    if (!size.ok) return size;
    if (size.value !== bytes) {
      const placed = await attempt(() => place(size.value));
      if (!placed.ok) return err(await cleared(placed.error));
    }
    held = true;
    return ok(undefined);
  }

  async function place(sizeBefore: number | null): Promise<void> {
    if (sizeBefore !== null) {
      await ops.unlink(path);
      const message = `held ${sizeBefore} bytes instead of ${bytes}, made anew`;
      report({ type: 'repair', scope: name, reason: 'wrong_size', message });
    }
    const placed = await replaceFile(path, Buffer.alloc(bytes, dense()), { ops });
    if (!placed.ok) throw coded(placed.error.code, placed.error.message);
  }

  /** The failure, after what it left was removed: also a whole file that is perhaps not on disk. */
  async function cleared(error: Failure): Promise<Failure> {
    const removed = await attempt(async () => {
      await removeTemps();
      await removeIfThere(ops, path);
    });
    if (removed.ok) return error;
    return failure(error.code, `${error.message}; left behind: ${removed.error.message}`);
  }

  /** Of this file only, and none is being written: the calls take turns. */
  async function removeTemps(): Promise<void> {
    const isTemp = (one: string): boolean => one.startsWith(`.${name}.`) && one.endsWith('.tmp');
    for (const temp of (await ops.list(folder)).filter(isTemp)) await ops.unlink(join(folder, temp));
  }

  return {
    prepare: () => inTurn(make),
    release: () =>
      inTurn(() =>
        attempt(async () => {
          const removed = await removeIfThere(ops, path);
          held = false;
          if (removed) await syncFolder(ops, folder);
          return removed;
        }),
      ),
    restore: (freeBytes) =>
      inTurn(async () => {
        if (held || freeBytes < 2 * bytes) return ok(false);
        const made = await make();
        return made.ok ? ok(true) : made;
      }),
    held: () => held,
  };
}

async function removeIfThere(ops: FileOps, path: string): Promise<boolean> {
  try {
    await ops.unlink(path);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return false;
    throw thrown;
  }
}

/** A block without patterns (xorshift), longer than what file systems compress at once. */
function dense(): Uint8Array {
  const words = new Uint32Array(BLOCK_WORDS);
  let word = 2_463_534_242;
  for (let at = 0; at < words.length; at++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[at] = word;
  }
  return new Uint8Array(words.buffer);
}
