/** Reads one part of what was recorded from its beginning to its end, in bounded memory, with its checksums. */

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type GzipEnd, gunzip } from './gzip-stream.ts';

const BLOCK_BYTES = 256 * 1024;

export interface PartRead {
  /** Of the file as it lies there. */
  readonly bytes: number;
  /** Of the text in it. */
  readonly textBytes: number;
  /** Of an archive only. */
  readonly gzip: (GzipEnd & { readonly sha256: string; readonly textSha256: string }) | null;
  /** Somebody wrote on since: what stood at its end may have been half a write. */
  readonly hasGrown: boolean;
}

export interface PartPort {
  /** The next bytes of the text. Must not throw. */
  block(bytes: Buffer): void;
  /** So many bytes of the file were read. */
  progress(bytes: number): void;
  /** Reading ends when it turns true. */
  isEnough?(): boolean;
  /** So many bytes from its beginning are read, and what it has grown by since they were counted is not. */
  readonly maxBytes?: number;
}

/**
 * Reads what stood in the file when it was opened. `ino`: which file it is to be; fails with `gone` where that one was
 * renamed or removed, else with the system's code.
 */
export async function readPart(path: string, ino: number | null, port: PartPort): Promise<Result<PartRead>> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, 'r');
    const before = await handle.stat();
    if (!before.isFile()) return err(failure('EISDIR', `${path} is no file`, 'never'));
    if (ino !== null && before.ino !== ino) return err(failure('gone', `${path} is another file now`));
    const bytes = Math.min(before.size, port.maxBytes ?? before.size);
    const read = path.endsWith('.gz')
      ? await readGzip(handle, bytes, port)
      : await readPlain(handle, bytes, port);
    const after = await handle.stat();
    return ok({ ...read, bytes, hasGrown: after.size > bytes });
  } catch (thrown) {
    const { code, message } = failureOf(thrown);
    return err(failure(code === 'ENOENT' ? 'gone' : code, `${path}: ${message}`));
  } finally {
    await handle?.close();
  }
}

type Read = Pick<PartRead, 'textBytes' | 'gzip'>;

async function readPlain(handle: FileHandle, size: number, port: PartPort): Promise<Read> {
  let textBytes = 0;
  for await (const block of blocksOf(handle, size, port)) {
    textBytes += block.length;
    port.block(block);
  }
  return { textBytes, gzip: null };
}

async function readGzip(handle: FileHandle, size: number, port: PartPort): Promise<Read> {
  const hash = createHash('sha256');
  const textHash = createHash('sha256');
  let textBytes = 0;
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const block of blocksOf(handle, size, port)) {
      hash.update(block);
      yield block;
    }
  }
  const end = await gunzip(hashed(), (block) => {
    textHash.update(block);
    textBytes += block.length;
    port.block(block);
  });
  return {
    textBytes,
    gzip: { ...end, sha256: hash.digest('hex'), textSha256: textHash.digest('hex') },
  };
}

async function* blocksOf(handle: FileHandle, size: number, port: PartPort): AsyncGenerator<Buffer> {
  for (let at = 0; at < size && port.isEnough?.() !== true; ) {
    // A block of its own each time: what is cut out of it may be kept until its line ends.
    const into = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size - at));
    const { bytesRead } = await handle.read(into, 0, into.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    port.progress(bytesRead);
    yield into.subarray(0, bytesRead);
  }
}
