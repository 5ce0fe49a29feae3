/**
 * Recordings that are played together, merged by time. Our own captures are read as they are played, each feed's parts
 * one after the other: their order is the order in which things happened, whatever the clocks said. Other people's need
 * not be in order (one of the known ones puts its REST answers first), so they are read whole and sorted.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptureHeader } from '../core/capture.ts';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type RecordedFrame, type RecordedLine, type RecordedNote, readLines } from './recording.ts';

/** A capture begins, or goes on in another part. */
export interface CapturedPart {
  readonly kind: 'part';
  readonly header: CaptureHeader;
  /** Lines that should stand before it, and do not. */
  readonly missing: number;
}

/** One thing that happened. */
export interface Moment {
  /** Whose it is: one feed's captures, or all recordings of others. */
  readonly track: number;
  /** Never decreasing, unlike the times in the lines. */
  readonly atUs: number;
  readonly line: RecordedFrame | RecordedNote | CapturedPart;
  /** Which of the events that it gave were lost when it happened: 1 is the first. */
  readonly lost: readonly number[];
}

type Moments = AsyncGenerator<Result<readonly Moment[]>>;
type Warn = (message: string) => void;

export interface Recordings {
  /** The files of each feed's captures, in order. */
  readonly captures: readonly (readonly string[])[];
  readonly others: readonly string[];
}

const ENDINGS = ['.jsonl', '.jsonl.gz'];
const BATCH = 1_000;
const NONE: readonly number[] = [];

/** Finds out what is there: files as they are, of folders all recordings below them. Reads each file's first lines. */
export async function findRecordings(paths: readonly string[]): Promise<Result<Recordings>> {
  const files = new Set<string>();
  for (const path of paths) {
    const found = await filesOf(path);
    if (!found.ok) return found;
    for (const file of found.value) files.add(file);
  }
  const feeds = new Map<string, { readonly file: string; readonly header: CaptureHeader }[]>();
  const others: string[] = [];
  for (const file of files) {
    const header = await headerOf(file);
    if (!header.ok) return header;
    if (header.value === null) {
      others.push(file);
      continue;
    }
    const key = `${header.value.venue} ${header.value.feed}`;
    feeds.set(key, [...(feeds.get(key) ?? []), { file, header: header.value }]);
  }
  const captures = [...feeds.values()].map((parts) =>
    parts
      .sort((a, b) => a.header.runUs - b.header.runUs || a.header.part - b.header.part)
      .map(({ file }) => file),
  );
  return ok({ captures, others });
}

/** All of it in order, some moments at a time. A failure is the last thing given. */
export function playRecordings({ captures, others }: Recordings, warn: Warn): Moments {
  const tracks = captures.map((files, track) => capturedMoments(files, track, warn));
  if (others.length > 0) tracks.push(sortedMoments(others, tracks.length, warn));
  return merged(tracks);
}

async function filesOf(path: string): Promise<Result<readonly string[]>> {
  try {
    if (!(await stat(path)).isDirectory()) return ok([path]);
    const below = await readdir(path, { recursive: true, withFileTypes: true });
    const files = below
      .filter((entry) => !entry.isDirectory() && ENDINGS.some((ending) => entry.name.endsWith(ending)))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    return files.length > 0
      ? ok(files)
      : err(failure('ENOENT', `${path}: no ${ENDINGS.join(' or ')} below it`, 'never'));
  } catch (thrown) {
    const { code, message } = failureOf(thrown);
    return err(failure(code, `${path}: ${message}`, 'never'));
  }
}

/** Null for a recording that is not ours, and for one without a whole line. */
async function headerOf(file: string): Promise<Result<CaptureHeader | null>> {
  for await (const read of readLines(file, () => undefined)) {
    if (!read.ok) return read;
    const [first] = read.value;
    if (first !== undefined) return ok(first.kind === 'header' ? first.header : null);
  }
  return ok(null);
}

async function* sortedMoments(files: readonly string[], track: number, warn: Warn): Moments {
  const moments: Moment[] = [];
  for (const [index, file] of files.entries()) {
    for await (const read of readLines(file, warn)) {
      if (!read.ok) return yield read;
      for (const line of read.value) {
        if (line.kind === 'other' || line.kind === 'note' || line.kind === 'header') continue;
        // One name in two files is two connections.
        const own = { ...line, connection: `${index}:${line.connection}` };
        moments.push({ track, atUs: line.localUs, line: own, lost: NONE });
      }
    }
  }
  // Stable: equal times stay in file order.
  moments.sort((a, b) => a.atUs - b.atUs);
  yield ok(moments);
}

/** The parts of one feed's captures. A run's lines are counted, so that none is played twice and none missed in silence. */
async function* capturedMoments(files: readonly string[], track: number, warn: Warn): Moments {
  const run = { us: 0, next: 0, toSkip: 0 };
  /** The newest frame or note, and the parts that began behind it: what it lost is told by the lines to come. */
  let held: Moment[] = [];
  let atUs = 0;

  const onHeader = (header: CaptureHeader, file: string): CapturedPart => {
    const next = header.runUs === run.us ? run.next : 0;
    const missing = Math.max(0, header.line - next);
    if (missing > 0) warn(`${file}: ${missing} lines of its run are missing before it`);
    run.us = header.runUs;
    run.toSkip = Math.max(0, next - header.line);
    run.next = Math.max(header.line, next);
    return { kind: 'part', header, missing };
  };

  /** The line's own moment, if it is one. */
  const onLine = (line: RecordedLine, file: string): Moment['line'] | null => {
    if (line.kind === 'header') return onHeader(line.header, file);
    if (run.toSkip > 0) {
      run.toSkip -= 1;
      return null;
    }
    run.next += 1;
    if (line.kind !== 'note' || line.what !== 'overflow') return line.kind === 'other' ? null : line;
    const at = held.findLastIndex((moment) => moment.line.kind !== 'part');
    held = held.map((moment, index) =>
      index === at ? { ...moment, lost: [...moment.lost, line.event] } : moment,
    );
    return null;
  };

  for (const file of files) {
    for await (const read of readLines(file, warn)) {
      if (!read.ok) return yield read;
      const moments: Moment[] = [];
      for (const one of read.value) {
        const line = onLine(one, file);
        if (line === null) continue;
        if (line.kind !== 'part') moments.push(...held.splice(0));
        if (one.kind !== 'other') atUs = Math.max(atUs, one.localUs);
        held.push({ track, atUs, line, lost: NONE });
      }
      yield ok(moments);
    }
  }
  yield ok(held);
}

interface Cursor {
  readonly source: Moments;
  moments: readonly Moment[];
  at: number;
}

/** By time; of equals, the earlier track first. */
async function* merged(sources: readonly Moments[]): Moments {
  let cursors: Cursor[] = sources.map((source) => ({ source, moments: [], at: 0 }));
  let out: Moment[] = [];
  try {
    for (const cursor of cursors) {
      const filled = await fill(cursor);
      if (!filled.ok) return yield filled;
    }
    for (;;) {
      const cursor = earliest(cursors);
      const moment = cursor?.moments[cursor.at];
      if (cursor === null || moment === undefined) break;
      out.push(moment);
      cursor.at += 1;
      if (out.length >= BATCH) {
        yield ok(out);
        out = [];
      }
      if (cursor.at < cursor.moments.length) continue;
      const filled = await fill(cursor);
      if (!filled.ok) return yield filled;
      if (cursor.at === cursor.moments.length) cursors = cursors.filter((one) => one !== cursor);
    }
    if (out.length > 0) yield ok(out);
  } finally {
    for (const source of sources) await source.return(undefined);
  }
}

/** The cursor's next moments; none when its source has ended. */
async function fill(cursor: Cursor): Promise<Result<void>> {
  cursor.moments = [];
  cursor.at = 0;
  while (cursor.moments.length === 0) {
    const next = await cursor.source.next();
    if (next.done === true) break;
    if (!next.value.ok) return next.value;
    cursor.moments = next.value.value;
  }
  return ok(undefined);
}

function earliest(cursors: readonly Cursor[]): Cursor | null {
  let first: Cursor | null = null;
  let firstUs = Number.POSITIVE_INFINITY;
  for (const cursor of cursors) {
    const moment = cursor.moments[cursor.at];
    if (moment === undefined || (first !== null && moment.atUs >= firstUs)) continue;
    first = cursor;
    firstUs = moment.atUs;
  }
  return first;
}
