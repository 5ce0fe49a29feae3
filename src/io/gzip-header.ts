/** The frame of a gzip member (RFC 1952). */

const HEADER_BYTES = 10;
/** CRC-32 and length, after the deflate stream. */
export const TRAILER_BYTES = 8;
const FLAG = { crc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

/** RFC 1952, 2.3. Null: more bytes are needed; -1: no gzip header. */
export function gzipHeaderSize(held: Buffer): number | null {
  const isGzip = held[0] === 0x1f && (held[1] ?? 0x8b) === 0x8b && (held[2] ?? 8) === 8;
  if (!isGzip) return -1;
  if (held.length < HEADER_BYTES) return null;
  const flags = held[3] ?? 0;
  if ((flags & FLAG.reserved) !== 0) return -1;
  let size = HEADER_BYTES;
  if ((flags & FLAG.extra) !== 0) {
    if (held.length < size + 2) return null;
    size += 2 + held.readUInt16LE(size);
  }
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue;
    const end = held.indexOf(0, size);
    if (end < 0) return null;
    size = end + 1;
  }
  if ((flags & FLAG.crc) !== 0) size += 2;
  return size <= held.length ? size : null;
}
