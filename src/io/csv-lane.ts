/** A file of the writer with the state of its turn. */

import type { Failure } from '../core/result.ts';
import { type CsvFile, csvFile } from './csv-file.ts';

/** Rows written and not fsynced are kept to be written again; with this many bytes of them the fsync is due. */
const MAX_UNSYNCED_BYTES = 4 * 1024 * 1024;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export interface Lane extends CsvFile {
  /** Its write, its fsync or its closing is under way. */
  busy: boolean;
  failures: number;
  retryAtMs: number;
  /** Why a new file is wanted, and when it was asked for; null: none is. */
  wanted: { readonly reason: 'size' | 'distrusted'; readonly atMs: number } | null;
  /** Its closed file is to be taken away; null: none is. */
  closing: { readonly day: string; tries: number } | null;
  /** Callers of flush(), told of the next run's outcome. */
  waiters: ((outcome: Failure | null) => void)[];
}

export function createLane(name: string, path: string, header: string): Lane {
  const turn = { busy: false, failures: 0, retryAtMs: 0, wanted: null, closing: null, waiters: [] };
  return { ...csvFile(name, path, header), ...turn };
}

/** It failed: the next try comes later than the one before. */
export function putOff(lane: Lane, nowMs: number): void {
  lane.failures++;
  lane.retryAtMs = nowMs + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(lane.failures - 1, 10));
}

/** Half of the bound is left for the fsyncs themselves: many files come due together. */
export function syncIsDue(lane: Lane, nowMs: number, fsyncMs: number): boolean {
  if (lane.dirtySinceMs === null) return false;
  const unsynced = lane.unsynced.reduce((sum, bytes) => sum + bytes.length, 0);
  return nowMs - lane.dirtySinceMs >= fsyncMs / 2 || unsynced >= MAX_UNSYNCED_BYTES;
}
