import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineScan } from '../../src/io/line-scan.ts';

function scan(blocks: readonly Buffer[], maxBytes?: number) {
  const lines: string[] = [];
  const scanner = createLineScan(
    {
      line: (text, number) => lines.push(`${number}:${text}`),
      tooLong: (bytes, number) => lines.push(`${number}!${bytes}`),
    },
    maxBytes,
  );
  for (const block of blocks) scanner.add(block);
  return { lines, rest: scanner.rest() };
}

describe('createLineScan', () => {
  it('gives the lines, however the blocks fall', () => {
    const line = fc
      .array(fc.constantFrom('a', '"', '価', '🟢', ','), { maxLength: 6 })
      .map((a) => a.join(''));
    fc.assert(
      fc.property(fc.array(line), line, fc.integer({ min: 1, max: 9 }), (lines, rest, size) => {
        const bytes = Buffer.from([...lines, rest].join('\n'));
        const blocks: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) blocks.push(bytes.subarray(at, at + size));
        const expected = lines.map((text, index) => `${index + 1}:${text}`);
        expect(scan(blocks)).toEqual({ lines: expected, rest: Buffer.byteLength(rest) });
      }),
    );
  });

  it('does not keep a line that is too long, and goes on behind it', () => {
    const bytes = Buffer.from(`ab\n${'x'.repeat(25)}\ncd\n${'y'.repeat(11)}\nef\n`);
    for (const size of [1, 4, 10, 100]) {
      const blocks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) blocks.push(bytes.subarray(at, at + size));
      expect(scan(blocks, 10).lines).toEqual(['1:ab', '2!25', '3:cd', '4!11', '5:ef']);
    }
  });
});
