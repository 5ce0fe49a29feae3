import fc from 'fast-check';
import { parseString } from 'fast-csv';
import { describe, expect, it } from 'vitest';
import { encodeRow } from '../../src/core/csv.ts';
import { splitRow } from '../../src/core/csv-row.ts';

function withFastCsv(text: string): Promise<readonly (readonly string[])[] | null> {
  return new Promise((resolve) => {
    const rows: string[][] = [];
    parseString<string[], string[]>(text, { headers: false })
      .on('error', () => resolve(null))
      .on('data', (cells: string[]) => rows.push(cells))
      .on('end', () => resolve(rows));
  });
}

/** A row of ours is one line (`file-tail.ts`), and its first cell is a venue's name. */
const text = fc
  .array(fc.constantFrom('"', '""', ',', '|', ';', "'", '\t', ' ', '\\', '[', ']', 'a', '0.10', '価', '🟢'), {
    maxLength: 8,
  })
  .map((parts) => parts.join(''));
const levels = fc.array(fc.tuple(text, text), { maxLength: 4 });
const first = fc.stringMatching(/^[a-z0-9]{1,8}$/);

describe('splitRow', () => {
  it('gives the cells that fast-csv gives, for every row that we write', async () => {
    const rows = fc.tuple(first, fc.array(fc.oneof(text, levels), { maxLength: 8 }));
    await fc.assert(
      fc.asyncProperty(rows, async ([venue, rest]) => {
        const line = encodeRow([venue, ...rest]).slice(0, -1);
        const given = [venue, ...rest].map((cell) =>
          typeof cell === 'string' ? cell : JSON.stringify(cell),
        );
        expect(splitRow(line)).toEqual(given);
        expect(await withFastCsv(line)).toEqual([given]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes no line for a row that fast-csv reads otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.tuple(first, text), async ([venue, rest]) => {
        const line = `${venue}${rest}`;
        const cells = splitRow(line);
        if (cells !== null) expect(await withFastCsv(line)).toEqual([cells]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a quote that is not closed', 'a,"b'],
    ['text behind a closing quote', 'a,"b"c'],
    ['a quote within a plain cell', 'a,b"c'],
    ['a quote at the end of a plain cell', 'a,b"'],
    ['a quoted cell that ends in a doubled quote', '"a""'],
  ])('refuses %s', (_, line) => expect(splitRow(line)).toBeNull());

  it.each([
    ['', ['']],
    ['a,', ['a', '']],
    [',', ['', '']],
    ['a,"",b', ['a', '', 'b']],
    ['a,"[[""1"",""2""]]","x"', ['a', '[["1","2"]]', 'x']],
    ['a,""""', ['a', '"']],
  ])('%s', (line, cells) => expect(splitRow(line)).toEqual(cells));
});
