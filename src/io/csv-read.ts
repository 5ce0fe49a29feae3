/** Reads our CSV files through fast-csv. */

import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'fast-csv';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';

/** Cells by column name, as text. */
export type CsvRecord = Readonly<Record<string, string>>;

export interface CsvTable {
  readonly header: readonly string[];
  readonly records: readonly CsvRecord[];
}

/**
 * A whole small file at once, its rows keyed by its header. Fails where there is no such file, at an unclosed quote, and
 * at a row with another number of cells, by its number. An empty file has no rows.
 */
export async function readCsvAll(path: string): Promise<Result<CsvTable>> {
  let header: readonly string[] | null = null;
  const records: CsvRecord[] = [];
  for await (const read of readRows(path)) {
    if (!read.ok) return read;
    if (header === null) {
      header = read.value.cells;
      continue;
    }
    const record = toRecord(header, read.value);
    if (!record.ok) return record;
    records.push(record.value);
  }
  return ok({ header: header ?? [], records });
}

interface Row {
  /** 1 is the header. */
  readonly number: number;
  readonly cells: readonly string[];
}

async function* readRows(path: string): AsyncGenerator<Result<Row>, void, undefined> {
  const parser = parse({ headers: false });
  // The callback is there for errors of either stream; both also end the iteration below, which reports them.
  const rows = pipeline(createReadStream(path), parser, () => undefined);
  let number = 0;
  try {
    for await (const cells of rows as AsyncIterable<string[]>) yield ok({ number: ++number, cells });
  } catch (thrown) {
    const { code, message } = failureOf(thrown);
    yield err(failure(code, `${path}, after row ${number}: ${message}`, 'never'));
  }
}

function toRecord(header: readonly string[], row: Row): Result<CsvRecord> {
  if (row.cells.length !== header.length) {
    const message = `row ${row.number} has ${row.cells.length} cells, the header ${header.length}`;
    return err(failure('wrong_cells', message, 'never'));
  }
  return ok(Object.fromEntries(header.map((column, at) => [column, row.cells[at] ?? ''])));
}
