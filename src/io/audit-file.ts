/** A file for everything that is told for a while: JSON lines, bounded in bytes. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import { type Failure, ok, type Result } from '../core/result.ts';
import { attempt, type FileOps, makeFolder, nodeFileOps } from './file-ops.ts';
import { createUnique, utcStamp } from './file-tail.ts';
import { createLineFile } from './line-file.ts';

export interface AuditFile {
  /** Absolute. */
  readonly file: string;
  /** One line `{"time","kind",…}`. False when the file is full, and the line left out. */
  write(kind: string, more: Readonly<Record<string, unknown>>): boolean;
  /** Lines that are not in the file, but for those that found it full. */
  errors(): { readonly count: number; readonly last: Failure | null };
  close(): Promise<void>;
}

/** Opens `<folder>/collector_diag_<time>.jsonl`, never one that is there. */
export async function openAuditFile(
  folder: string,
  clock: Clock,
  maxBytes: number,
  ops: FileOps = nodeFileOps,
): Promise<Result<AuditFile>> {
  const made = await attempt(async () => {
    await makeFolder(ops, folder);
    const stem = join(folder, `collector_diag_${utcStamp(clock.wallUs())}`);
    const { fd, path } = await createUnique(ops, stem, '.jsonl');
    await ops.close(fd);
    return path;
  });
  if (!made.ok) return made;
  const lineOf = (kind: string, more: Readonly<Record<string, unknown>>): string =>
    `${JSON.stringify({ time: new Date(clock.wallUs() / 1000).toISOString(), kind, ...more })}\n`;
  const lines = createLineFile({
    path: made.value,
    clock,
    ops,
    lostLine: (lost, { code, message }) => lineOf('lost', { lines: lost, code, message }),
  });
  let bytes = 0;
  return ok({
    file: made.value,
    write(kind, more) {
      const line = lineOf(kind, more);
      const size = Buffer.byteLength(line);
      if (bytes + size > maxBytes) return false;
      bytes += size;
      lines.write(line);
      return true;
    },
    errors: lines.errors,
    close: lines.close,
  });
}
