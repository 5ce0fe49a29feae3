/** Files of JSON lines that other parts of the program write: read in bounded memory, damage counted and passed over. */

import { createReadStream } from 'node:fs';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { createLineScan } from './line-scan.ts';

export interface JsonLinesRead {
  readonly lines: number;
  /** Lines that are not JSON, or that `visit` did not take. */
  readonly bad: number;
  /** Number of the first of them, from 1. */
  readonly firstBad: number | null;
  /** Bytes behind the last line end: a write that was cut short, or is under way. */
  readonly tornBytes: number;
}

/**
 * Gives each line's value to `visit`, which says whether it is what a line of this file should be. Null where there is
 * no such file. Fails with the system's error.
 */
export async function readJsonLines(
  path: string,
  visit: (value: unknown, number: number) => boolean,
): Promise<Result<JsonLinesRead | null>> {
  let lines = 0;
  let bad = 0;
  let firstBad: number | null = null;
  const refuse = (number: number): void => {
    lines += 1;
    bad += 1;
    firstBad ??= number;
  };
  const scan = createLineScan({
    line(text, number) {
      const value = parseJson(text);
      if (value === undefined || !visit(value, number)) refuse(number);
      else lines += 1;
    },
    tooLong: (_, number) => refuse(number),
  });
  try {
    for await (const block of createReadStream(path)) scan.add(block as Buffer);
  } catch (thrown) {
    const { code, message } = failureOf(thrown);
    return code === 'ENOENT' ? ok(null) : err(failure(code, `${path}: ${message}`));
  }
  return ok({ lines, bad, firstBad, tornBytes: scan.rest() });
}

/** Undefined for a text that is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
