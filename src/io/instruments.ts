/** `raw/instruments.json`: what the amounts in the data files mean. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Instrument } from '../core/venue.ts';
import { replaceFile } from './atomic.ts';

type Entry = Omit<Instrument, 'trading'>;

/** Adds these to the file, or puts them in the place of their earlier entries; the others stay. */
export async function saveInstruments(
  dataDir: string,
  instruments: readonly Instrument[],
): Promise<Result<void>> {
  const file = join(dataDir, 'raw', 'instruments.json');
  const read = await readEntries(file);
  if (!read.ok) return read;
  const known = new Map(read.value.map((one) => [`${one.ex} ${one.market} ${one.id}`, one]));
  for (const { trading: _, ...one } of instruments) known.set(`${one.ex} ${one.market} ${one.id}`, one);
  const list = [...known.values()].sort((a, b) => (`${a.ex} ${a.symbol}` < `${b.ex} ${b.symbol}` ? -1 : 1));
  return replaceFile(file, `[\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
}

async function readEntries(file: string): Promise<Result<readonly Entry[]>> {
  try {
    const list: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(list)
      ? ok(list as readonly Entry[])
      : err(failure('wrong_shape', `${file}: expected a list of instruments`, 'never'));
  } catch (thrown) {
    const why = failureOf(thrown);
    return why.code === 'ENOENT' ? ok([]) : err(failure(why.code, `${file}: ${why.message}`));
  }
}
