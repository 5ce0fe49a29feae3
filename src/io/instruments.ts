/** `raw/instruments.json`: what the amounts in the data files mean. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Instrument } from '../core/venue.ts';
import { replaceFile } from './atomic.ts';

type Entry = Omit<Instrument, 'trading'>;

/** Further keys of a later version are kept. */
const entries: z.ZodType<readonly Entry[]> = z.array(
  z.looseObject({
    ex: z.string(),
    symbol: z.string(),
    id: z.string(),
    market: z.string(),
    contract_size: z.string().nullable(),
    amount_unit: z.enum(['base', 'contracts', 'quote']),
    price_tick: z.string().nullable(),
  }),
);

/** What the file says; nothing where there is none. */
export function readInstruments(dataDir: string): Promise<Result<readonly Entry[]>> {
  return readEntries(join(dataDir, 'raw', 'instruments.json'));
}

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
    const list = entries.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return list.success
      ? ok(list.data)
      : err(failure('wrong_shape', `${file}: expected a list of instruments`, 'never'));
  } catch (thrown) {
    const why = failureOf(thrown);
    return why.code === 'ENOENT' ? ok([]) : err(failure(why.code, `${file}: ${why.message}`));
  }
}
