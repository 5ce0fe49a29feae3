/** What stands in a data folder after a fault: small files whole, growing files whole up to a torn end. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseString } from 'fast-csv';
import type { Feed } from '../../src/core/event.ts';
import { HEADERS } from '../../src/flow/rows.ts';
import type { CsvRecord } from '../../src/io/csv-read.ts';
import { hasCode } from '../../src/io/file-ops.ts';

/** A file that only grows: its whole lines (no header), and what follows its last line end. */
export interface Grown {
  readonly text: string;
  readonly tail: string;
}

const feedOf = (file: string): Feed => file.split('-')[0] as Feed;

/** A file of `raw/`: its closed parts under `raw/archive/`, by day and number, then the file itself. */
export function grownRows(data: string, file: string): Grown {
  for (;;) {
    try {
      return readParts(data, file);
    } catch (thrown) {
      // Under a running collector a part gets its next name between the look at the folder and the read.
      if (!hasCode(thrown, 'ENOENT')) throw thrown;
    }
  }
}

function readParts(data: string, file: string): Grown {
  const raw = join(data, 'raw');
  const header = `${HEADERS[feedOf(file)]}\n`;
  const cut = (path: string, text: string): string => {
    if (!text.startsWith(header)) throw new Error(`${path} does not begin with its header`);
    return text.slice(header.length);
  };
  const parts = closedParts(raw, file.slice(0, -'.csv'.length)).map((paths) => {
    const texts = paths.map((path) => {
      const bytes = readFileSync(path);
      const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
      if (!text.endsWith('\n')) throw new Error(`${path} ends within a row`);
      return cut(path, text);
    });
    if (new Set(texts).size > 1) throw new Error(`${paths.join(' and ')} differ`);
    return texts[0] ?? '';
  });
  const closed = parts.join('');
  const path = join(raw, file);
  if (!existsSync(path)) return { text: closed, tail: '' };
  const text = readFileSync(path, 'utf8');
  const whole = text.lastIndexOf('\n') + 1;
  // Killed within its first write: not even the header is whole.
  if (whole === 0 && header.startsWith(text)) return { text: closed, tail: text };
  return { text: closed + cut(path, text.slice(0, whole)), tail: text.slice(whole) };
}

/** The files of each part: until it is listed it can stand there twice, plain and whole as `.gz`. */
function closedParts(raw: string, stem: string): readonly (readonly string[])[] {
  const archive = join(raw, 'archive');
  if (!existsSync(archive)) return [];
  const days = readdirSync(archive, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return days
    .map((entry) => entry.name)
    .sort()
    .flatMap((day) => {
      const byNumber = new Map<number, string[]>();
      for (const name of readdirSync(join(archive, day))) {
        const [, own, digits] = /^(.+)\.(\d+)\.csv(?:\.gz)?$/.exec(name) ?? [];
        const number = Number(digits);
        if (own === stem) byNumber.set(number, [...(byNumber.get(number) ?? []), join(archive, day, name)]);
      }
      return [...byNumber].sort(([a], [b]) => a - b).map(([, paths]) => paths);
    });
}

/** Parsed by fast-csv, each with as many cells as its header. */
export async function rowsOf(data: string, file: string): Promise<readonly CsvRecord[]> {
  const columns = HEADERS[feedOf(file)].split(',');
  const rows = await parsed(grownRows(data, file).text);
  return rows.map((cells) => {
    if (cells.length !== columns.length) throw new Error(`${file}: ${cells.length} cells in ${cells.join()}`);
    return Object.fromEntries(columns.map((column, at) => [column, cells[at] ?? '']));
  });
}

function parsed(text: string): Promise<readonly (readonly string[])[]> {
  return new Promise((resolve, reject) => {
    const rows: string[][] = [];
    parseString(text, { headers: false })
      .on('data', (row: string[]) => rows.push(row))
      .on('error', reject)
      .on('end', () => resolve(rows));
  });
}

/** A ledger of JSON lines. Throws on a whole line that is none. */
export function grownLines(path: string): Grown {
  const text = readFileSync(path, 'utf8');
  const whole = text.lastIndexOf('\n') + 1;
  for (const line of text.slice(0, whole).split('\n').slice(0, -1)) asJson(path, line);
  return { text: text.slice(0, whole), tail: text.slice(whole) };
}

/** The facts in `collector/events.jsonl`. */
export function factsOf(data: string): readonly Readonly<Record<string, unknown>>[] {
  const { text } = grownLines(join(data, 'collector', 'events.jsonl'));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Every file that is replaced whole, as paths below the data folder. */
export function replacedFiles(data: string): readonly string[] {
  const inFolder = (folder: string, name: RegExp): readonly string[] =>
    namesIn(join(data, folder))
      .filter((one) => name.test(one) && !one.startsWith('.'))
      .map((one) => `${folder}/${one}`);
  return [
    ...inFolder('collector', /\.json$/),
    ...inFolder('latest', /\.(json|csv)$/),
    ...inFolder('raw', /\.json$/),
    ...inFolder('runtime', /\.(json|lock)$/),
  ];
}

/** Throws where the content of a replaced file is not whole. */
export function checkReplaced(path: string, content: string): void {
  if (!path.endsWith('.csv')) {
    asJson(path, content);
    return;
  }
  const [header = '', ...rows] = content.split('\n');
  const known = header.startsWith('exchange,symbol,timestamp,') || header.startsWith('timestamp,pair,');
  if (!known || rows.pop() !== '' || rows.length === 0) throw new Error(`${path} is not whole: ${content}`);
}

/** Torn ends that were moved aside, by the path of the file that they were cut from. */
export function tornAside(data: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const folder of ['raw', 'collector', 'signals']) {
    for (const name of namesIn(join(data, folder))) {
      const of = name.split('.torn-')[0] ?? name;
      if (of === name) continue;
      const key = `${folder}/${of}`;
      found.set(key, [...(found.get(key) ?? []), readFileSync(join(data, folder, name), 'utf8')]);
    }
  }
  return found;
}

/** Temp files of replacements, wherever they lie. */
export function temps(data: string): readonly string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp'));
}

/** A process that was killed early has not made its folders. */
function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function asJson(path: string, text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new Error(
      `${path} is not whole: ${JSON.stringify(text.slice(0, 200))} (${text.length} characters)`,
    );
  }
}
