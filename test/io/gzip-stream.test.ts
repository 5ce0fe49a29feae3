import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GzipEnd, gunzip } from '../../src/io/gzip-stream.ts';

async function* inBlocks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  bytes: Buffer,
  blockBytes = 64 * 1024,
): Promise<{ readonly end: GzipEnd; readonly text: Buffer }> {
  const blocks: Buffer[] = [];
  const end = await gunzip(inBlocks(bytes, blockBytes), (block) => blocks.push(block));
  return { end, text: Buffer.concat(blocks) };
}

describe('gunzip', () => {
  it('reads any members, however the blocks fall', async () => {
    const member = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 4 }),
        fc.integer({ min: 1, max: 50 }),
        async (members, size) => {
          const texts = members.map(([bytes, times]) => Buffer.concat(Array(times).fill(Buffer.from(bytes))));
          const file = Buffer.concat(texts.map((text) => gzipSync(text)));
          const { end, text } = await read(file, size);
          expect(end).toEqual({
            members: members.length,
            wholeBytes: file.length,
            tornBytes: 0,
            damage: null,
          });
          expect(text.equals(Buffer.concat(texts))).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('says where the last whole member ends, wherever the file is cut', async () => {
    const [first, second] = [gzipSync('one\n'.repeat(50)), gzipSync('two\n'.repeat(50))];
    const file = Buffer.concat([first, second]);
    for (let cut = 1; cut < file.length; cut++) {
      const { end } = await read(file.subarray(0, cut), 7);
      const members = cut >= first.length ? 1 : 0;
      const wholeBytes = members === 1 ? first.length : 0;
      expect(end).toEqual({ members, wholeBytes, tornBytes: cut - wholeBytes, damage: null });
    }
  });

  it('finds every flipped byte that matters', async () => {
    const file = gzipSync('price,amount\n'.repeat(20));
    const text = Buffer.from('price,amount\n'.repeat(20));
    for (let at = 0; at < file.length; at++) {
      const flipped = Buffer.from(file);
      flipped[at] = (flipped[at] ?? 0) ^ 0x20;
      const { end, text: got } = await read(flipped, 11);
      const isSound = end.members === 1 && end.damage === null && end.tornBytes === 0;
      // Time, extra flags and system of the header say nothing of the content.
      expect([at, isSound]).toEqual([at, at >= 4 && at < 10]);
      if (isSound) expect(got.equals(text)).toBe(true);
    }
  });

  it('calls what stands behind a member damage', async () => {
    const file = Buffer.concat([gzipSync('a'), Buffer.from('junk')]);
    const { end } = await read(file);
    expect(end).toMatchObject({ members: 1, wholeBytes: file.length - 4, damage: { message: 'not gzip' } });
  });

  it('decodes far more than it holds', async () => {
    const block = randomBytes(1024 * 1024);
    const file = gzipSync(Buffer.concat(Array(8).fill(block)), { level: 1 });
    let bytes = 0;
    let largest = 0;
    const end = await gunzip(inBlocks(file, 64 * 1024), (part) => {
      bytes += part.length;
      largest = Math.max(largest, part.length);
    });
    expect([end.members, bytes]).toEqual([1, 8 * 1024 * 1024]);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
  });

  it('rejects with the error of its source', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync('a').subarray(0, 12);
      throw new Error('EIO');
    }
    await expect(gunzip(failing(), () => undefined)).rejects.toThrow('EIO');
  });
});
