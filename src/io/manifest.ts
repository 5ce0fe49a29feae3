/** `raw/archive/manifest.jsonl`: a line for each sealed file. A later line for the same file replaces an earlier one. */

import { join } from 'node:path';
import { z } from 'zod';
import { ok, type Result } from '../core/result.ts';
import { ARCHIVE_FOLDER } from './archive-name.ts';
import { type AppendOptions, appendLine } from './atomic.ts';
import { attempt, blocksOf, closing, type FileOps, ifThere, nodeFileOps } from './file-ops.ts';

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const seconds = z.number();

/** A line of the manifest. */
export const manifestEntry = z.object({
  /** Relative to the data directory, forward slashes: `raw/archive/2026-11-21/….csv.gz`. */
  file: z.string(),
  /** Lines behind the header. */
  rows: count,
  bytes: count,
  sha256,
  csv_bytes: count,
  csv_sha256: sha256,
  /** Epoch seconds: the smallest and largest `local_timestamp`; null when no row has one. */
  first_ts: seconds.nullable(),
  last_ts: seconds.nullable(),
  sealed_ts: seconds,
  /** `recovery`: an earlier process closed it, or was killed before it was sealed. */
  sealed_by: z.enum(['rotation', 'recovery']),
});

export type ManifestEntry = z.infer<typeof manifestEntry>;
export type SealedBy = ManifestEntry['sealed_by'];

export interface ReadOptions {
  readonly ops?: FileOps;
  /** Only lines with this text are looked at: a long manifest holds little that is wanted. */
  readonly about?: string;
}

export interface ManifestRead {
  /** Lines that are no entry; they are left out. */
  readonly bad: number;
  /** Line number of the first of them, from 1. */
  readonly firstBad: number | null;
}

export function manifestPath(dataDir: string): string {
  return join(dataDir, ...ARCHIVE_FOLDER.split('/'), 'manifest.jsonl');
}

export function appendEntry(
  dataDir: string,
  entry: ManifestEntry,
  options: AppendOptions,
): Promise<Result<void>> {
  return appendLine(manifestPath(dataDir), JSON.stringify(entry), options);
}

/**
 * Gives each entry to `visit`, in the file's order and in bounded memory. A last line without its end is none: the
 * next append will cut it off. No manifest has no entries.
 */
export async function readManifest(
  dataDir: string,
  visit: (entry: ManifestEntry) => void,
  options: ReadOptions = {},
): Promise<Result<ManifestRead>> {
  const { ops = nodeFileOps, about = '' } = options;
  let number = 0;
  let bad = 0;
  let firstBad: number | null = null;
  const read = await attempt(async () => {
    const fd = await ifThere(ops.open(manifestPath(dataDir), 'r'));
    if (fd === null) return;
    await closing(ops, fd, async () => {
      for await (const line of linesOf(blocksOf(ops, fd))) {
        number += 1;
        if (!line.includes(about)) continue;
        const entry = parseEntry(line);
        if (entry !== null) {
          visit(entry);
          continue;
        }
        bad += 1;
        firstBad ??= number;
      }
    });
  });
  return read.ok ? ok({ bad, firstBad }) : read;
}

/** Whole lines, without their ends. */
async function* linesOf(blocks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const block of blocks) {
    const bytes = Buffer.concat([rest, block]);
    let start = 0;
    for (let end = bytes.indexOf('\n'); end >= 0; end = bytes.indexOf('\n', start)) {
      yield bytes.toString('utf8', start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
}

function parseEntry(line: string): ManifestEntry | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = manifestEntry.safeParse(json);
  return parsed.success ? parsed.data : null;
}
