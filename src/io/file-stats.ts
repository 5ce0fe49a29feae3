/** Sizes and times of files, without opening them. */

import { stat } from 'node:fs/promises';
import { attempt, pathUnder } from './file-ops.ts';

export interface FileStat {
  readonly bytes: number;
  /** When it was last written, ms since 1970 UTC. */
  readonly writtenMs: number;
}

/** Few at a time: Node's pool of four threads also does the writing. */
const AT_ONCE = 2;

/** Of files under `root`, in the order asked for; null for one that is not there, or cannot be looked at. */
export async function fileStats(
  root: string,
  files: readonly string[],
): Promise<readonly (FileStat | null)[]> {
  const found: (FileStat | null)[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    found.push(...(await Promise.all(files.slice(at, at + AT_ONCE).map((file) => statOf(root, file)))));
  }
  return found;
}

async function statOf(root: string, file: string): Promise<FileStat | null> {
  const result = await attempt(() => stat(pathUnder(root, file)));
  return result.ok ? { bytes: result.value.size, writtenMs: result.value.mtimeMs } : null;
}
