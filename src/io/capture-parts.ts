/**
 * The files of a capture: `{YYYY-MM-DD}/{HH}.jsonl.gz` and its further parts. Each flush is a gzip member of its own, so
 * what a killed process leaves can be read to its end; a file is never opened again once it was left.
 */

import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { OpenConnection } from '../core/capture.ts';
import type { Failure } from '../core/result.ts';
import type { Located } from '../core/venue.ts';
import { attempt, type FileOps, hasCode, makeFolder, syncFolder, writeAll } from './file-ops.ts';

/** Whole lines that are written together. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly lines: number;
  /** Lines of the run before it. */
  readonly line: number;
  /** Wall time of its first line, µs: names the part that it begins. */
  readonly firstUs: number;
  /** Those that were open before its first line. */
  readonly connections: readonly OpenConnection[];
  /** Those that were recorded before its first line. */
  readonly instruments: readonly Located[];
  /** It begins a part, whether or not one is open. */
  readonly fresh: boolean;
}

export interface PartsOptions {
  readonly folder: string;
  readonly ops: FileOps;
  /** The first line, with its `\n`, of the part that begins with this chunk. */
  header(part: number, chunk: Chunk): string;
  /** Something failed beside what a call rejects with. */
  onError(error: Failure): void;
}

export interface Parts {
  /** Rejects when it could not be written, or the part before it not be synced: `leave` says what is to be written again. */
  write(chunk: Chunk): Promise<void>;
  /** What was written is on disk. Rejects when it may not be. */
  sync(): Promise<void>;
  /** Gives the open part up, cut back to whole members. Resolves with the chunks that are not safely in it. */
  leave(): Promise<readonly Chunk[]>;
  /** Syncs and closes the open part. */
  end(): Promise<void>;
  files(): number;
  bytes(): number;
}

interface Part {
  readonly fd: number;
  readonly path: string;
  readonly number: number;
  /** Whole members. */
  size: number;
  /** Of it, what is known to be on disk. */
  safe: number;
  unsafe: Chunk[];
  /** Its fsync failed: the system may have dropped what it should have written, and would not say so twice. */
  suspect: boolean;
}

/** Half the time of the default (6) for a tenth more bytes, measured on recorded books. */
const LEVEL = 4;
const compress = promisify(gzip);

export function createParts({ folder, ops, header, onError }: PartsOptions): Parts {
  let open: Part | null = null;
  let count = 0;
  let bytes = 0;

  const begin = async (chunk: Chunk): Promise<Part> => {
    const [day = '', hour = ''] = new Date(chunk.firstUs / 1000).toISOString().split(/[T:]/);
    const place = join(folder, day);
    await makeFolder(ops, place);
    const { fd, path } = await createPart(ops, join(place, hour));
    count += 1;
    const part = { fd, path, number: count, size: 0, safe: 0, unsafe: [], suspect: false };
    open = part;
    await syncFolder(ops, place);
    return part;
  };

  const syncPart = async (part: Part): Promise<void> => {
    if (part.size === part.safe) return;
    part.suspect = true;
    await ops.sync(part.fd);
    part.suspect = false;
    part.safe = part.size;
    part.unsafe = [];
  };

  const end = async (): Promise<void> => {
    if (open === null) return;
    await syncPart(open);
    const { fd } = open;
    open = null;
    await ops.close(fd);
  };

  const tolerate = async (job: () => Promise<void>): Promise<boolean> => {
    const done = await attempt(job);
    if (!done.ok) onError(done.error);
    return done.ok;
  };

  return {
    async write(chunk) {
      if (chunk.fresh) await end();
      const part: Part = open ?? (await begin(chunk));
      const isFirst = part.size === 0;
      const raw = isFirst
        ? Buffer.concat([Buffer.from(header(part.number, chunk)), chunk.bytes])
        : chunk.bytes;
      const member = await compress(raw, { level: LEVEL });
      await writeAll(ops, part.fd, member, part.size);
      part.size += member.length;
      part.unsafe.push(chunk);
      bytes += member.length;
    },
    async sync() {
      if (open !== null) await syncPart(open);
    },
    async leave() {
      if (open === null) return [];
      const part: Part = open;
      open = null;
      const kept = part.suspect ? part.safe : part.size;
      const isSafe = await tolerate(async () => {
        await ops.truncate(part.fd, kept);
        if (kept > part.safe) await ops.sync(part.fd);
      });
      await tolerate(() => ops.close(part.fd));
      if (kept === 0 && (await tolerate(() => ops.unlink(part.path)))) count -= 1;
      return isSafe && !part.suspect ? [] : part.unsafe;
    },
    end,
    files: () => count,
    bytes: () => bytes,
  };
}

/** `13.jsonl.gz`, `13_002.jsonl.gz`, … the first that is not there: another process's part is never touched. */
async function createPart(
  ops: FileOps,
  stem: string,
): Promise<{ readonly fd: number; readonly path: string }> {
  for (let n = 1; ; n++) {
    const path = `${stem}${n === 1 ? '' : `_${String(n).padStart(3, '0')}`}.jsonl.gz`;
    try {
      return { fd: await ops.open(path, 'wx'), path };
    } catch (thrown) {
      if (!hasCode(thrown, 'EEXIST')) throw thrown;
    }
  }
}
