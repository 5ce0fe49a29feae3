/** Values that could not be encoded as a row, kept for people to look at: a file for each exchange and feed. */

import type { Clock } from '../core/ports.ts';
import { failure, failureOf, type Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { appendLine } from './atomic.ts';
import { createFileErrors } from './file-errors.ts';
import { attempt, type FileOps, type FileReport, nodeFileOps, pathUnder, sizeAt } from './file-ops.ts';

export interface QuarantineOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly report: (report: FileReport) => void;
  readonly ops?: FileOps;
  /** Of one file; what comes after is only counted. */
  readonly maxBytes?: number;
}

/** `venue` and `feed` are ids of ours: they become a file name. */
export interface QuarantinedValue {
  readonly venue: string;
  readonly feed: string;
  readonly symbol: string;
  readonly reason: string;
  /** The value as text. */
  readonly event: string;
}

export interface QuarantineStatus {
  /** Values since the start, written or not. */
  readonly count: number;
  /** Values that failed to be written; those beyond a file's bound are none. */
  readonly errors: number;
  readonly last_error: string | null;
}

export interface Quarantine {
  /** Appends a line to `quarantine/{venue}.{feed}.jsonl`. Never throws, never waits. */
  add(value: QuarantinedValue): void;
  status(): QuarantineStatus;
  /** Resolves when every value so far is on disk, or has failed. */
  settled(): Promise<void>;
}

const MAX_BYTES = 10 * 1024 * 1024;
/** What may wait for the disk, of all files, in bytes. */
const MAX_WAITING = 4 * 1024 * 1024;

interface QuarantineFile {
  readonly name: string;
  readonly path: string;
  /** Its size when it was first looked at: one look for all that wait for it, so that they keep their order. */
  look: Promise<Result<number>> | null;
  /** Added since, or on its way. */
  added: number;
  isFull: boolean;
}

export function createQuarantine(options: QuarantineOptions): Quarantine {
  const { dataDir, clock, report, ops = nodeFileOps, maxBytes = MAX_BYTES } = options;
  const files = new Map<string, QuarantineFile>();
  const errors = createFileErrors(report);
  let count = 0;
  let waiting = 0;
  let settled: Promise<unknown> = Promise.resolve();

  function fileOf({ venue, feed }: QuarantinedValue): QuarantineFile {
    const name = `quarantine/${venue}.${feed}.jsonl`;
    let file = files.get(name);
    if (file === undefined) {
      file = { name, path: pathUnder(dataDir, name), look: null, added: 0, isFull: false };
      files.set(name, file);
    }
    return file;
  }

  /** Says once that it does not. */
  function takesMore(file: QuarantineFile, size: number, bytes: number): boolean {
    if (!file.isFull && size + bytes > maxBytes) {
      file.isFull = true;
      const message = `${size} bytes: what comes now is only counted`;
      report({ type: 'error', scope: file.name, reason: 'full', message });
    }
    return !file.isFull;
  }

  async function put(file: QuarantineFile, line: string, bytes: number): Promise<void> {
    file.look ??= attempt(async () => (await sizeAt(ops, file.path)) ?? 0);
    const before = await file.look;
    if (!before.ok) {
      file.look = null;
      return errors.note(file.name, before.error);
    }
    if (!takesMore(file, before.value + file.added, bytes)) return;
    file.added += bytes;
    const appended = await appendLine(file.path, line, { clock, report, ops });
    if (appended.ok) return errors.clear(file.name);
    file.added -= bytes;
    errors.note(file.name, appended.error);
  }

  function keep(value: QuarantinedValue): void {
    const file = fileOf(value);
    if (file.isFull) return;
    const { venue, feed, symbol, reason, event } = value;
    const line = JSON.stringify({ ts: seconds(clock.wallUs()), venue, feed, symbol, reason, event });
    const bytes = Buffer.byteLength(line) + 1;
    if (waiting > 0 && waiting + bytes > MAX_WAITING) {
      return errors.note(file.name, failure('dropped', 'the disk does not take the values'));
    }
    waiting += bytes;
    const done = put(file, line, bytes).then(() => {
      waiting -= bytes;
    });
    settled = Promise.all([settled, done]);
  }

  return {
    add(value) {
      count++;
      try {
        keep(value);
      } catch (thrown) {
        errors.note('quarantine', failureOf(thrown, 'never'));
      }
    },
    status: () => ({ count, errors: errors.count(), last_error: errors.last() }),
    async settled() {
      await settled;
    },
  };
}
