/** What the writer is made of, what it takes and what it tells. */

import type { Clock } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { FileOps, FileReport } from './file-ops.ts';

export interface SafeWriterOptions {
  /** Every file lies under this folder. */
  readonly root: string;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
  readonly ops?: FileOps;
  /** Rows wait at most this long for their write. */
  readonly flushMs?: number;
  /** Written bytes wait at most this long for their fsync, as far as the disk keeps up. */
  readonly fsyncMs?: number;
  /** Bound of all that waits, in bytes. */
  readonly queueBytes?: number;
  readonly maxOpenFiles?: number;
  /**
   * Takes a closed, fsynced file away, so that its name is free for the next rows. Rejects with the system's error,
   * and is then called again. Without it a file is never closed for its day or its size.
   */
  readonly seal?: (file: string, day: string) => Promise<void>;
  /** A larger file asks for a new one. Read at each write: it may change. */
  readonly maxFileBytes?: number;
  /** A new file is wanted, to begin with the rows of which `begins` is true. Called again while none comes. */
  readonly wantNewFile?: (file: string, reason: 'size' | 'distrusted') => void;
  /** False while no file may grow: what is appended waits. */
  readonly mayWrite?: () => boolean;
  /** Told of each failure, with its code. */
  readonly onFailure?: (code: string) => void;
}

export interface WriterStatus {
  /** Rows and bytes (headers not counted) handed to their files. */
  readonly rows: number;
  readonly bytes: number;
  /** Age of the oldest byte that is written and not fsynced. */
  readonly fsync_lag_ms: number;
  /** Bytes that wait for their write. */
  readonly queue_bytes: number;
  /** Rows that were given up: still not written when the writer closed. */
  readonly rows_lost: number;
  readonly open_files: number;
  readonly errors: number;
  /** Files whose last write or fsync failed. */
  readonly failing_files: number;
  readonly last_error: string | null;
}

/** Whole rows (encoded, each with its `\n`) for a file (relative to the root, forward slashes). */
export interface Append {
  readonly file: string;
  /** The header line, without `\n`. */
  readonly header: string;
  /** Belongs to the writer from here on. */
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** The day (`2026-11-21`) whose file these rows belong to; without it, whatever file is there. */
  readonly day?: string;
  /** These rows begin a new file. */
  readonly begins?: boolean;
  /** Called once: true when the rows were handed to the file, false when they were given up. */
  readonly done?: (written: boolean) => void;
}

export interface SafeWriter {
  /**
   * Queues rows. False: the queue is full or closed, and nothing was queued. Throws on a bad file name, on another
   * header than before, and on bytes that do not end with a row.
   */
  append(rows: Append): boolean;
  /** Everything appended so far is written and fsynced, or the failure says why not. */
  flush(): Promise<Result<void>>;
  /** No more rows of this file come for now: it is fsynced and closed. Where that fails it stays, to be tried again. */
  leave(file: string): Promise<void>;
  /** Flushes and closes every file. Rows that cannot be written are given up, counted and reported. */
  close(): Promise<Result<void>>;
  /** The check at the start: awkward rows go through a writer like this one and are read back. */
  contract(): Promise<Result<string>>;
  status(): WriterStatus;
  /** What waits for its write to a file, in order; some of it may stand there already. */
  waiting(file: string): readonly Uint8Array[];
  /** The files that fail now, each with its reason. */
  failing(): ReadonlyMap<string, string>;
}
