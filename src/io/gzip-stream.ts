/**
 * A gzip file of any size, decoded in bounded memory, with what Node's own decoder does not tell: how many members it
 * has, and where the last whole one ends.
 */

import { crc32, createInflateRaw } from 'node:zlib';
import { type Failure, failure } from '../core/result.ts';
import { gzipHeaderSize, TRAILER_BYTES } from './gzip-header.ts';

/** No header of ours has names in it; one that never ends is none. */
const MAX_HEADER_BYTES = 128 * 1024;

export interface GzipEnd {
  /** Whole members, each with the right checksum. */
  readonly members: number;
  /** Where the last of them ends. */
  readonly wholeBytes: number;
  /** Bytes behind it: the file ends within a member. */
  readonly tornBytes: number;
  /** What is behind `wholeBytes` is no gzip, or not what was written. The bytes of that member were given all the same. */
  readonly damage: Failure | null;
}

/** What of the file is not decoded yet. */
interface Input {
  held: Buffer;
  readonly next: () => Promise<boolean>;
}

/** Gives every decoded block to `onData`, which must not throw. Rejects with the error of the source only. */
export async function gunzip(
  source: AsyncIterable<Buffer>,
  onData: (block: Buffer) => void,
): Promise<GzipEnd> {
  const blocks = source[Symbol.asyncIterator]();
  const input: Input = {
    held: Buffer.alloc(0),
    async next() {
      const { value, done } = await blocks.next();
      if (done === true) return false;
      input.held = input.held.length === 0 ? value : Buffer.concat([input.held, value]);
      return true;
    },
  };
  let members = 0;
  let wholeBytes = 0;
  const ended = (tornBytes: number, damage: Failure | null): GzipEnd => ({
    members,
    wholeBytes,
    tornBytes,
    damage,
  });
  try {
    for (;;) {
      if (input.held.length === 0 && !(await input.next())) return ended(0, null);
      const read = await readMember(input, onData);
      if (typeof read !== 'number') return ended(0, read);
      if (read < 0) return ended(-read, null);
      members += 1;
      wholeBytes += read;
    }
  } finally {
    await blocks.return?.();
  }
}

/** The member's bytes in the file; negative: so many, and the file ends before the member does. */
async function readMember(input: Input, onData: (block: Buffer) => void): Promise<number | Failure> {
  let headerBytes = gzipHeaderSize(input.held);
  while (headerBytes === null) {
    if (input.held.length > MAX_HEADER_BYTES) return damaged('its header does not end');
    if (!(await input.next())) return -input.held.length;
    headerBytes = gzipHeaderSize(input.held);
  }
  if (headerBytes < 0) return damaged('not gzip');
  input.held = input.held.subarray(headerBytes);

  let crc = 0;
  let length = 0;
  const body = await inflateBody(input, (block) => {
    crc = crc32(block, crc);
    length += block.length;
    onData(block);
  });
  if (typeof body !== 'number') return body;
  if (body < 0) return body - headerBytes;

  while (input.held.length < TRAILER_BYTES)
    if (!(await input.next())) return -(headerBytes + body + input.held.length);
  const isWhole = input.held.readUInt32LE(0) === crc && input.held.readUInt32LE(4) === length % 2 ** 32;
  if (!isWhole) return damaged('its checksum is another');
  input.held = input.held.subarray(TRAILER_BYTES);
  return headerBytes + body + TRAILER_BYTES;
}

/** The bytes that the deflate stream took; negative: all that is left, and it had not ended. */
async function inflateBody(input: Input, onData: (block: Buffer) => void): Promise<number | Failure> {
  const inflate = createInflateRaw();
  // Its error does not come to the write that is under way.
  let fail = (_: Error): void => undefined;
  inflate.on('data', onData).on('error', (error) => fail(error));
  const feed = (block: Buffer): Promise<Failure | null> =>
    new Promise((resolve) => {
      fail = (error) => resolve(damaged(error.message));
      inflate.write(block, () => resolve(null));
    });
  let fed = 0;
  try {
    for (;;) {
      const block = input.held;
      fed += block.length;
      const broken = await feed(block);
      if (broken !== null) return broken;
      const left = fed - inflate.bytesWritten;
      input.held = block.subarray(block.length - left);
      // What it leaves lies behind its end.
      if (left > 0) return inflate.bytesWritten;
      if (!(await input.next())) return -fed;
    }
  } finally {
    inflate.destroy();
  }
}

const damaged = (what: string): Failure => failure('damaged', what, 'never');
