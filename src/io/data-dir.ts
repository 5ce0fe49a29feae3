/** The data directory: made, proved writable, marked `sim` or `live`, with the flags that wrappers read. */

import { accessSync, constants, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { removeStaleTemps, replaceFile } from './atomic.ts';
import { makeFolder, nodeFileOps } from './file-ops.ts';

export type Kind = 'sim' | 'live';

/** Removes what a killed process left half written. Only for the holder of the lock. Gives the number of files. */
export async function cleanDataDir(directory: string): Promise<Result<number>> {
  let removed = 0;
  for (const folder of FOLDERS) {
    const stale = await removeStaleTemps(join(directory, folder));
    if (!stale.ok) return stale;
    removed += stale.value;
  }
  return ok(removed);
}

/** `READY`: collecting. `STOP`: asked to stop, by an operator. `STOPPED`: ended in order. */
export type Flag = 'READY' | 'STOP' | 'STOPPED';

const FOLDERS = ['raw', 'latest', 'signals', 'collector', 'runtime', 'debug/health', 'debug/rejects'];

const mark = z.object({ kind: z.enum(['sim', 'live']) });

/**
 * Makes the folders and the mark. Fails with `cannot_write` where the directory cannot be written, with `other_kind`
 * where it holds data of the other kind: simulated rows must never stand among real ones.
 */
export async function prepareDataDir(directory: string, kind: Kind, nowUs: number): Promise<Result<void>> {
  try {
    for (const folder of FOLDERS) await makeFolder(nodeFileOps, join(directory, folder));
    for (const folder of FOLDERS) {
      const path = join(directory, folder);
      if (!statSync(path).isDirectory()) return err(cannotWrite(directory, `${path} is not a folder`));
      accessSync(path, constants.W_OK);
    }
    const file = join(directory, 'runtime', 'kind.json');
    if (!existsSync(file)) {
      const made = await replaceFile(file, `${JSON.stringify({ kind, ts: seconds(nowUs) })}\n`);
      return made.ok ? made : err(cannotWrite(directory, made.error.message));
    }
    const found = kindIn(readFileSync(file, 'utf8'));
    if (found === kind) return ok(undefined);
    if (found === null) {
      const advice = `write {"kind":"live"} or {"kind":"sim"} into it, whichever the data is`;
      return err(failure('other_kind', `${file} does not say sim or live: ${advice}`, 'never'));
    }
    const advice =
      kind === 'sim' ? 'give --sim a directory of its own with --data DIR' : 'choose another with --data DIR';
    return err(failure('other_kind', `${directory} holds ${found} data, not ${kind}: ${advice}`, 'never'));
  } catch (thrown) {
    return err(cannotWrite(directory, failureOf(thrown).message));
  }
}

function cannotWrite(directory: string, why: string): Failure {
  return failure('cannot_write', `cannot write to ${directory}: ${why}`, 'never');
}

/** Null for a text that does not say: empty, torn, of another program. */
function kindIn(text: string): Kind | null {
  try {
    const read = mark.safeParse(JSON.parse(text));
    return read.success ? read.data.kind : null;
  } catch {
    return null;
  }
}

function flagPath(directory: string, flag: Flag): string {
  return join(directory, 'runtime', flag);
}

export function hasFlag(directory: string, flag: Flag): boolean {
  return existsSync(flagPath(directory, flag));
}

export function setFlag(directory: string, flag: Flag, nowUs: number): Promise<Result<void>> {
  return replaceFile(flagPath(directory, flag), `${seconds(nowUs)}\n`);
}

export function clearFlag(directory: string, flag: Flag): void {
  rmSync(flagPath(directory, flag), { force: true });
}
