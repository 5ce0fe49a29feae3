/** `runtime/governor.json`: what the governors must not forget when the process dies. */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { failure, failureOf, ok, type Result } from '../core/result.ts';
import { replaceFile } from './atomic.ts';

/** Times in epoch seconds. Further keys of a later version are let be. */
const shape = z.object({
  ts: z.number(),
  /** Venues that want no request (`rest`), or no session of any kind (`all`), before `until`. */
  bans: z.array(
    z.object({
      venue: z.string(),
      until: z.number(),
      kind: z.enum(['ban', 'pause']),
      scope: z.enum(['rest', 'all']),
      reason: z.string(),
    }),
  ),
  /** By venue. */
  venues: z.record(
    z.string(),
    z.object({
      /** The venue's limits are lowered to this part of them. */
      lowered: z.object({ factor: z.number().gt(0).max(1), until: z.number() }).nullable(),
      /** The newest permit; null: none yet. */
      last: z.number().nullable(),
      /** By window: the permits of its span as `[time, weight]`, oldest first. */
      used: z.record(z.string(), z.array(z.tuple([z.number(), z.number().nonnegative()]))),
      /** By window: what may have been used since, at most. */
      ahead: z.record(z.string(), z.number().nonnegative()),
    }),
  ),
});

export type GovernorFile = z.infer<typeof shape>;

/** Null where there is none. Fails with `wrong_shape` on another text, else with the system's code. */
export async function readGovernorFile(path: string): Promise<Result<GovernorFile | null>> {
  try {
    const read = shape.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return read.success ? ok(read.data) : wrong(z.prettifyError(read.error));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return wrong(thrown.message);
    const why = failureOf(thrown);
    return why.code === 'ENOENT' ? ok(null) : { ok: false, error: why };
  }
}

function wrong(message: string): Result<never> {
  return { ok: false, error: failure('wrong_shape', message.replaceAll('\n', ' '), 'never') };
}

export function writeGovernorFile(path: string, file: GovernorFile): Promise<Result<void>> {
  return replaceFile(path, `${JSON.stringify(file)}\n`);
}
