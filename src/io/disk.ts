/** How much room is left. */

import { statfs } from 'node:fs/promises';

/** Bytes that an ordinary process may still write where this folder lies. */
export async function diskFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
