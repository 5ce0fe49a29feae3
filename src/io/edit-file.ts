/** Edits a small file of somebody else's: what is not edited stays, and so do its rights and its owner. */

import { readFile, realpath, stat } from 'node:fs/promises';
import { err, failure, type Result } from '../core/result.ts';
import { replaceFile } from './atomic.ts';
import { attempt } from './file-ops.ts';

/** Reads a file as UTF-8, byte for byte: a mark at its begin stays. Fails on bytes that are no UTF-8. */
export function readWhole(path: string): Promise<Result<string>> {
  return attempt(async () =>
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path)),
  );
}

/**
 * Replaces the file by what `edit` makes of its text, atomically; of a link, the file that it leads to. Fails where
 * `edit` does, and with `changed` when another has written it meanwhile.
 */
export async function editFile(path: string, edit: (text: string) => Result<string>): Promise<Result<void>> {
  const target = await attempt(() => realpath(path));
  if (!target.ok) return target;
  const before = await readWhole(target.value);
  if (!before.ok) return before;
  const edited = edit(before.value);
  if (!edited.ok) return edited;
  const owner = await attempt(() => stat(target.value));
  if (!owner.ok) return owner;
  const { mode, uid, gid } = owner.value;
  const now = await readWhole(target.value);
  if (!now.ok) return now;
  if (now.value !== before.value)
    return err(failure('changed', 'it was changed by another at the same moment'));
  return replaceFile(target.value, edited.value, { rights: { mode, uid, gid } });
}
