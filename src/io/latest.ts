/** The newest of everything, in small files for other programs: replaced whole, at most once a period. */

import type { Clock } from '../core/ports.ts';
import { err, type Failure, ok, type Result } from '../core/result.ts';
import { createFileErrors } from './file-errors.ts';
import { type FileReport, pathUnder } from './file-ops.ts';

export interface LatestOptions {
  readonly root: string;
  readonly clock: Clock;
  readonly replace: (path: string, content: string | Uint8Array) => Promise<Result<void>>;
  readonly report: (report: FileReport) => void;
  /** Each changed file is replaced once in this time. */
  readonly everyMs?: number;
}

export interface LatestStatus {
  readonly files: number;
  /** Files that changed since they were last replaced. */
  readonly pending: number;
  readonly replaced: number;
  readonly errors: number;
  readonly last_error: string | null;
}

export interface Latest {
  /**
   * Keeps the newest row (encoded, with its `\n`) of `key`, a symbol, for a CSV file with this header line (without
   * `\n`). Bytes are copied. Throws on a bad file name.
   */
  set(file: string, header: string, key: string, row: string | Uint8Array): void;
  /** Keeps a whole text; a function is called when the file is written, so that nobody builds text in vain. */
  setText(file: string, text: string | (() => string)): void;
  /** There will be no more rows of `key`: its row goes. */
  drop(file: string, key: string): void;
  status(): LatestStatus;
  /** Writes every changed file now. The failure is that of the first file that could not be written. */
  flush(): Promise<Result<void>>;
  /** Stops the timer and flushes. */
  close(): Promise<Result<void>>;
}

interface Entry {
  readonly file: string;
  readonly path: string;
  content: () => string | Uint8Array;
  readonly rows: Map<string, string | Uint8Array>;
  changed: boolean;
  writing: Promise<Failure | null> | null;
}

export function createLatest(options: LatestOptions): Latest {
  const { root, clock, replace, report, everyMs = 1_000 } = options;
  const entries = new Map<string, Entry>();
  let replaced = 0;
  const errors = createFileErrors(report);

  const stopTimer = clock.every(everyMs, () => {
    for (const entry of entries.values()) {
      if (entry.changed && entry.writing === null) void write(entry);
    }
  });

  function entryOf(file: string): Entry {
    const known = entries.get(file);
    if (known) return known;
    const entry: Entry = {
      file,
      path: pathUnder(root, file),
      content: () => '',
      rows: new Map(),
      changed: false,
      writing: null,
    };
    entries.set(file, entry);
    return entry;
  }

  function write(entry: Entry): Promise<Failure | null> {
    entry.changed = false;
    entry.writing = replace(entry.path, entry.content()).then((result) => {
      entry.writing = null;
      if (result.ok) {
        replaced++;
        errors.clear(entry.file);
        return null;
      }
      // Tried again in the next period, with whatever is newest then.
      entry.changed = true;
      errors.note(entry.file, result.error);
      return result.error;
    });
    return entry.writing;
  }

  async function flushEntry(entry: Entry): Promise<Failure | null> {
    // One that is under way may hold older content, so it is waited for, not counted on.
    while (entry.writing !== null) await entry.writing;
    return entry.changed ? write(entry) : null;
  }

  async function flush(): Promise<Result<void>> {
    const outcomes = await Promise.all([...entries.values()].map(flushEntry));
    const first = outcomes.find((outcome) => outcome !== null);
    return first ? err(first) : ok(undefined);
  }

  return {
    set(file, header, key, row) {
      const entry = entryOf(file);
      if (entry.rows.size === 0) entry.content = () => tableOf(header, entry.rows);
      // A copy: a view would keep the whole batch that it came with in memory.
      entry.rows.set(key, typeof row === 'string' ? row : new Uint8Array(row));
      entry.changed = true;
    },
    setText(file, text) {
      const entry = entryOf(file);
      entry.content = typeof text === 'string' ? () => text : text;
      entry.changed = true;
    },
    drop(file, key) {
      const entry = entries.get(file);
      if (entry?.rows.delete(key)) entry.changed = true;
    },
    status: () => ({
      files: entries.size,
      pending: [...entries.values()].filter((entry) => entry.changed).length,
      replaced,
      errors: errors.count(),
      last_error: errors.last(),
    }),
    flush,
    close() {
      stopTimer();
      return flush();
    },
  };
}

/** Sorted by symbol (by code unit, the same on every machine): the content depends on the rows alone. */
function tableOf(header: string, rows: ReadonlyMap<string, string | Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`${header}\n`)];
  for (const key of [...rows.keys()].sort()) {
    const row = rows.get(key);
    if (row !== undefined) parts.push(typeof row === 'string' ? Buffer.from(row) : row);
  }
  return Buffer.concat(parts);
}
