/** What the collector itself wrote down: its gaps and what happened to it. */

import { join } from 'node:path';
import { z } from 'zod';
import { err, failure, ok, type Result } from '../../core/result.ts';
import { readJsonLines } from '../../io/json-lines.ts';

const side = z.object({ id: z.string().optional(), local_ts: z.number().optional() });
const gapLine = z.object({
  id: z.string(),
  ts: z.number(),
  state: z.enum(['open', 'closed']),
  venue: z.string(),
  feed: z.string(),
  symbol: z.string(),
  kind: z.string(),
  from: side,
  to: side.optional(),
  repaired: z.enum(['full', 'partial', 'none']).optional(),
  missing: z.number().nullable().optional(),
  backfilled: z.number().optional(),
});
const eventLine = z.object({
  ts: z.number(),
  type: z.string(),
  scope: z.string(),
  symbol: z.string().optional(),
  reason: z.unknown().optional(),
});

/** As its last line has it. */
export type ToldGap = z.infer<typeof gapLine>;
export type ToldEvent = z.infer<typeof eventLine>;

export interface Ledgers {
  readonly gaps: readonly ToldGap[];
  readonly events: readonly ToldEvent[];
}

export async function readLedgers(dataDir: string): Promise<Result<Ledgers>> {
  const gaps = new Map<string, ToldGap>();
  const events: ToldEvent[] = [];
  const take = async <T>(name: string, schema: z.ZodType<T>, add: (value: T) => void) => {
    const read = await readJsonLines(join(dataDir, 'collector', name), (value) => {
      const line = schema.safeParse(value);
      if (line.success) add(line.data);
      return line.success;
    });
    if (!read.ok || read.value === null || read.value.bad === 0) return read;
    return err(failure('bad_lines', `collector/${name}: ${read.value.bad} lines are malformed`));
  };
  const failed = [
    await take('gaps.jsonl', gapLine, (gap) => gaps.set(gap.id, gap)),
    await take('events.jsonl', eventLine, (event) => events.push(event)),
  ].find((read) => !read.ok);
  return failed !== undefined && !failed.ok ? failed : ok({ gaps: [...gaps.values()], events });
}
