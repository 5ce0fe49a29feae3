/** The check at the start: awkward rows are written, fsynced, read back by fast-csv and compared. */

import { join } from 'node:path';
import { type Cell, encodeRow } from '../core/csv.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import { readCsvAll } from './csv-read.ts';
import { attempt, type FileOps, makeFolder } from './file-ops.ts';

type WriteRows = (file: string, header: string, bytes: Uint8Array, rows: number) => Promise<Result<void>>;

const PROBE = 'contract-probe.csv';
const COLUMNS = ['exchange', 'plain', 'awkward', 'levels', 'empty'];

/** Every kind of cell that a data file has, and those that break a careless dialect. */
const ROWS: readonly (readonly Cell[])[] = [
  ['probe', '0.10000000', 'a,b', [['67000.10', '0']], ''],
  ['probe', '1e-8', 'say "yes"', [], null],
  ['probe', ' spaces ', 'pipe | semicolon ; tab \t', { a: 'b "c"', 'd,e': [1, 2] }, undefined],
  ['probe', '価格 цена 🟢', "O'Brien \\ back", [['"', ',']], ''],
  ['probe', 1_795_219_200_000_000, true, [[]], ''],
];

/**
 * Puts the probe file through `write` and checks what is on disk. The value says what was proved; the failure's
 * code is the step that failed: `folder`, `write`, `read`, `compare` or `remove`.
 */
export async function runContract(root: string, ops: FileOps, write: WriteRows): Promise<Result<string>> {
  const path = join(root, PROBE);
  const made = await attempt(() => makeFolder(ops, root));
  if (!made.ok) return failedStep('folder', made.error);
  // A process that was killed here left its probe; any other error comes back from the write.
  await attempt(() => ops.unlink(path));

  const written = await write(
    PROBE,
    encodeRow(COLUMNS).trimEnd(),
    Buffer.from(ROWS.map(encodeRow).join('')),
    ROWS.length,
  );
  if (!written.ok) return failedStep('write', written.error);
  const table = await readCsvAll(path);
  if (!table.ok) return failedStep('read', table.error);
  const difference = differenceOf(table.value.header, table.value.records);
  if (difference !== null) return err(failure('compare', `contract: ${difference}`, 'never'));
  const removed = await attempt(() => ops.unlink(path));
  if (!removed.ok) return failedStep('remove', removed.error);
  return ok(`${ROWS.length} rows written, fsynced and read back in ${root}`);
}

function failedStep(step: string, error: Failure): Result<never> {
  return err(failure(step, `contract: ${step}: ${error.message}`, 'never'));
}

function differenceOf(
  header: readonly string[],
  records: readonly Readonly<Record<string, string>>[],
): string | null {
  if (header.join() !== COLUMNS.join()) return `columns ${header.join()} instead of ${COLUMNS.join()}`;
  if (records.length !== ROWS.length) return `${records.length} rows instead of ${ROWS.length}`;
  for (const [index, row] of ROWS.entries()) {
    for (const [at, column] of COLUMNS.entries()) {
      const expected = plainText(row[at]);
      const found = records[index]?.[column];
      if (found !== expected)
        return `row ${index + 1}, ${column}: ${JSON.stringify(found)} instead of ${expected}`;
    }
  }
  return null;
}

function plainText(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}
