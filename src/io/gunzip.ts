/**
 * A gzip file member by member. Node's own decoder reads members that stand one after the other as well, but cannot
 * tell where one begins; and where a file is torn, that is what one wants to know.
 */

import { constants, crc32, inflateRawSync } from 'node:zlib';
import { coded } from './file-ops.ts';
import { gzipHeaderSize, TRAILER_BYTES } from './gzip-header.ts';

/** Where the last whole member ends, and how many bytes of the file stand behind it. */
export interface Tear {
  readonly offset: number;
  readonly bytes: number;
}

/** A power cut can leave a file with its length and without its bytes. */
const LOST_BLOCK = 512;

interface Member {
  readonly bytes: Buffer;
  /** In the file; null when the file ends before the member does. */
  readonly size: number | null;
}

/**
 * Gives the bytes of each member, one after the other. A file that ends within a member, or in nothing but zeros, is
 * torn: `onTorn` is told, and what could be read of that member is given too. Throws `Z_DATA_ERROR` on any other damage.
 */
export async function* gunzipMembers(
  source: AsyncIterable<Buffer>,
  onTorn: (tear: Tear) => void,
): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let offset = 0;
  let ended = false;

  const fill = async (size: number): Promise<void> => {
    const parts = [held];
    let length = held.length;
    while (!ended && length < size) {
      const next = await chunks.next();
      if (next.done === true) ended = true;
      else {
        parts.push(next.value);
        length += next.value.length;
      }
    }
    if (parts.length > 1) held = Buffer.concat(parts);
  };

  const readMember = async (): Promise<Member> => {
    let member = memberAt(held, offset);
    while (member.size === null && !ended) {
      await fill(held.length * 2);
      member = memberAt(held, offset);
    }
    return member;
  };

  try {
    for (await fill(1); held.length > 0; await fill(1)) {
      let member: Member;
      try {
        member = await readMember();
      } catch (thrown) {
        await fill(Number.POSITIVE_INFINITY);
        if (!endsInZeros(held)) throw thrown;
        member = { bytes: Buffer.alloc(0), size: null };
      }
      if (member.bytes.length > 0) yield member.bytes;
      if (member.size === null) return onTorn({ offset, bytes: held.length });
      held = held.subarray(member.size);
      offset += member.size;
    }
  } finally {
    await chunks.return?.();
  }
}

/** The member that begins here. It is read from its start again when more of the file has come: most come whole. */
function memberAt(held: Buffer, offset: number): Member {
  const start = gzipHeaderSize(held);
  if (start !== null && start < 0) throw damaged('not gzip', offset);
  if (start === null) return { bytes: Buffer.alloc(0), size: null };
  // With `info`, what was read comes with the engine that tells how much of the input it took.
  const { buffer, engine } = inflateRawSync(held.subarray(start), {
    finishFlush: constants.Z_SYNC_FLUSH,
    info: true,
  }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  const end = start + engine.bytesWritten;
  if (held.length < end + TRAILER_BYTES) return { bytes: buffer, size: null };
  const isWhole =
    held.readUInt32LE(end) === crc32(buffer) && held.readUInt32LE(end + 4) === buffer.length % 2 ** 32;
  if (!isWhole) throw damaged('its checksum is another', offset);
  return { bytes: buffer, size: end + TRAILER_BYTES };
}

function endsInZeros(bytes: Buffer): boolean {
  const tail = bytes.subarray(-LOST_BLOCK);
  return tail.every((byte) => byte === 0) && (tail.length === LOST_BLOCK || bytes.length === tail.length);
}

function damaged(what: string, offset: number): Error {
  return coded('Z_DATA_ERROR', `damaged: the gzip member at byte ${offset}: ${what}`);
}
