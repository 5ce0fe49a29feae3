/** The newest message of each book, as the simulator's journal has it, against the newest row. */

import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { err, failureOf, ok, type Result } from '../../core/result.ts';
import { parseJson } from '../../io/json-lines.ts';
import { createLineScan } from '../../io/line-scan.ts';
import { bookAt } from '../../runtime/verify/book-at.ts';
import { HEALED_SEC } from './check-ledgers.ts';
import type { Findings } from './findings.ts';
import { SYMBOLS } from './venues.ts';

const side = z.array(z.tuple([z.string(), z.string()]));
const line = z.object({
  venue: z.string(),
  symbol: z.string(),
  snapshot: z.boolean(),
  sequence: z.number().nullable(),
  bids: side,
  asks: side,
  withheld: z.string().optional(),
});

/** Gives how many messages were sent. Pushed snapshots of a venue that numbers nothing are no rows. */
export async function checkLast(
  journal: string,
  dataDir: string,
  { atUs, healSec }: { readonly atUs: number; readonly healSec: number },
  findings: Findings,
): Promise<Result<number>> {
  const newest = new Map<string, string>();
  let messages = 0;
  const take = (text: string): void => {
    const head = text.slice(0, 160);
    if (!head.includes('"feed":') || head.includes('"market":{') || head.includes('"fault":{')) return;
    messages += 1;
    if (!head.includes('"feed":"orderbook"') || head.includes('"conn":"rest"')) return;
    const isPushed = head.includes('"venue":"bitflyer"') && text.includes('"snapshot":true');
    if (!isPushed)
      newest.set(/"venue":"(\w+)".*?"symbol":"([^"]+)"/.exec(head)?.slice(1).join(' ') ?? '', text);
  };
  const scan = createLineScan({ line: take, tooLong: () => undefined });
  try {
    for await (const block of createReadStream(journal)) scan.add(block as Buffer);
  } catch (thrown) {
    return err(failureOf(thrown));
  }
  for (const text of newest.values()) {
    const told = line.safeParse(parseJson(text));
    if (!told.success || !SYMBOLS[told.data.venue]?.includes(told.data.symbol)) continue;
    const { venue, symbol, sequence, bids, asks } = told.data;
    const made = await bookAt({ dataDir, venue, symbol, atUs });
    if (!made.ok) {
      if (healSec >= HEALED_SEC)
        findings.add('books', `${venue} ${symbol}`, `at the end: ${made.error.message}`);
      continue;
    }
    const { row } = made.value;
    const isIt =
      sequence === null
        ? JSON.stringify([row.bids, row.asks]) === JSON.stringify([bids, asks])
        : row.sequence === sequence;
    if (!isIt && healSec >= HEALED_SEC)
      findings.add('books', `${venue} ${symbol}`, `ends with ${row.sequence}, the last sent was ${sequence}`);
  }
  return ok(messages);
}
