import fc from 'fast-check';
import { parseString, writeToBuffer } from 'fast-csv';
import { describe, expect, it } from 'vitest';
import { type Cell, encodeRow } from '../../src/core/csv.ts';

const awkward = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '""',
        ',',
        '\n',
        '\r',
        '\r\n',
        '\0',
        '|',
        ';',
        "'",
        '\t',
        ' ',
        '\\',
        '\ufeff',
        '🟢',
        '価',
      ),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
const levels = fc.array(fc.tuple(awkward, awkward), { maxLength: 4 });
const cell: fc.Arbitrary<Cell> = fc.oneof(
  awkward,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  levels,
  fc.dictionary(fc.string(), fc.oneof(awkward, levels), { maxKeys: 3 }),
);
/** The first cell of every file of ours is a word (exchange) or a number (timestamp): fast-csv drops blank ones. */
const row = fc
  .tuple(fc.stringMatching(/^[a-z0-9]{1,8}$/), fc.array(cell, { maxLength: 6 }))
  .map(([first, rest]) => [first, ...rest]);
const rows = fc.array(row, { minLength: 1, maxLength: 5 });

const asGiven = (value: Cell) =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
const asRead = (value: Cell) => Buffer.from(String(asGiven(value) ?? '').replaceAll('\0', '')).toString();

function parseWithFastCsv(text: string): Promise<string[][]> {
  return new Promise((resolve, reject) => {
    const read: string[][] = [];
    parseString<string[], string[]>(text, { headers: false })
      .on('error', reject)
      .on('data', (cells: string[]) => read.push(cells))
      .on('end', () => resolve(read));
  });
}

describe('encodeRow', () => {
  it('writes the bytes that fast-csv writes', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (table) => {
        const expected = await writeToBuffer(
          table.map((cells) => cells.map(asGiven)),
          { headers: false, rowDelimiter: '\n', includeEndRowDelimiter: true },
        );
        expect(Buffer.from(table.map(encodeRow).join('')).toString('hex')).toBe(expected.toString('hex'));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read back by fast-csv, cell by cell', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (table) => {
        const text = Buffer.from(table.map(encodeRow).join('')).toString();
        expect(await parseWithFastCsv(text)).toEqual(table.map((cells) => cells.map(asRead)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('quotes only what must be quoted, and what fast-csv quotes', () => {
    expect(encodeRow(['binance', '0.10', '', null, undefined, true])).toBe('binance,0.10,,,,true\n');
    expect(encodeRow(['a|b', "it's", 'x y'])).toBe('"a|b",it\'s,x y\n');
    expect(encodeRow([[['67000.1', '0']], { a: 'b' }])).toBe('"[[""67000.1"",""0""]]","{""a"":""b""}"\n');
    expect(encodeRow(['a\0b', '\0'])).toBe('ab,\n');
  });
});
