/**
 * One closed file becomes its archive: compressed and proved, listed in the manifest, and only then removed. Each step
 * is durable before the next begins and can be done again.
 */

import { basename, dirname } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { hasRows } from './archive-take.ts';
import { closing, coded, type FileOps, type FileReport, ifThere, pathUnder, syncFolder } from './file-ops.ts';
import { cutTornTail } from './file-tail.ts';
import type { GzipJob, Gzipped } from './gzip-file.ts';
import { appendEntry, type ManifestEntry, readManifest, type SealedBy } from './manifest.ts';

/** Runs `gzipFile` where it holds nobody up. When the signal aborts, resolves once nothing of it runs any more. */
export type Compress = (job: GzipJob, signal: AbortSignal) => Promise<Result<Gzipped | null>>;

export interface ClosedFile {
  /** The plain file, relative to the data directory. */
  readonly file: string;
  readonly by: SealedBy;
  /** What the manifest says of its archive already. */
  readonly known: ManifestEntry | null;
}

export interface SealContext {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly ops: FileOps;
  readonly report: (report: FileReport) => void;
  readonly compress: Compress;
  readonly signal: AbortSignal;
}

/** False: it held no row, and was removed. Rejects with the system's error, or `not_proved`; the plain file stays. */
export async function sealFile(closed: ClosedFile, context: SealContext): Promise<boolean> {
  const { dataDir, ops, compress, signal } = context;
  const plain = pathUnder(dataDir, closed.file);
  const fd = await ifThere(ops.open(plain, 'r+'));
  if (fd === null) {
    // An earlier try removed it and failed at the very last step.
    if (closed.known === null) throw coded('ENOENT', 'the closed file is gone, and was not sealed');
    await syncFolder(ops, dirname(plain));
    return true;
  }
  const isKept = await closing(ops, fd, async () => {
    await cutTail(closed.file, plain, fd, context);
    return hasRows(ops, fd);
  });
  if (isKept) {
    const done = await compress({ from: plain, to: `${plain}.gz`, known: closed.known }, signal);
    if (!done.ok) throw coded(done.error.code, done.error.message);
    if (done.value !== null) await enter(closed, done.value, context);
  }
  await ops.unlink(plain);
  await syncFolder(ops, dirname(plain));
  return isKept;
}

/** A power cut can tear the end of a file that was not fsynced. */
async function cutTail(file: string, path: string, fd: number, context: SealContext): Promise<void> {
  const { ops, clock, report } = context;
  const { aside, tornBytes } = await cutTornTail(ops, fd, path, clock.wallUs());
  if (aside === null) return;
  const message = `${tornBytes} torn bytes moved to ${basename(aside)}`;
  report({ type: 'repair', scope: file, reason: 'torn_tail', message });
}

async function enter({ file, by, known }: ClosedFile, made: Gzipped, context: SealContext): Promise<void> {
  if (known?.sha256 === made.sha256 && known.csv_sha256 === made.csvSha256) return;
  const entry: ManifestEntry = {
    file: `${file}.gz`,
    rows: made.rows,
    bytes: made.bytes,
    sha256: made.sha256,
    csv_bytes: made.csvBytes,
    csv_sha256: made.csvSha256,
    first_ts: made.firstUs === null ? null : seconds(made.firstUs),
    last_ts: made.lastUs === null ? null : seconds(made.lastUs),
    sealed_ts: seconds(context.clock.wallUs()),
    sealed_by: by,
  };
  const entered = await appendEntry(context.dataDir, entry, context);
  if (!entered.ok) throw coded(entered.error.code, entered.error.message);
}

export interface KnownEntries {
  /** By plain file. */
  readonly entries: ReadonlyMap<string, ManifestEntry>;
  /** Of the lines that were looked at, those that are no entries, and where the first of them is. */
  readonly bad: number;
  readonly firstBad: number | null;
}

/**
 * What the manifest says of the archives of these plain files, in one pass; `about` as in `readManifest`. Rejects with
 * the system's error.
 */
export async function knownEntries(
  dataDir: string,
  files: readonly string[],
  ops: FileOps,
  about = '',
): Promise<KnownEntries> {
  const wanted = new Map(files.map((file) => [`${file}.gz`, file]));
  const entries = new Map<string, ManifestEntry>();
  const read = await readManifest(
    dataDir,
    (entry) => {
      const file = wanted.get(entry.file);
      if (file !== undefined) entries.set(file, entry);
    },
    { ops, about },
  );
  if (!read.ok) throw coded(read.error.code, read.error.message);
  return { entries, ...read.value };
}
