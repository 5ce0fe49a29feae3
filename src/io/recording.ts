/** Recorded frames: JSON lines, plain or gzip, ours and other people's (DESIGN 6.4, `capture/`). */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { secondsToUs } from '../core/time.ts';

const line = z.object({
  t: z.enum(['header', 'connect', 'send', 'recv', 'http', 'close', 'note']),
  conn: z.string().optional(),
  ts: z.number().optional(),
  addr: z.string().optional(),
  url: z.string().optional(),
  data: z.string().optional(),
});

export interface RecordedFrame {
  readonly kind: 'connect' | 'recv' | 'http' | 'close';
  readonly connection: string;
  readonly localUs: number;
  /** Of a `connect`, the address; of an `http`, the request. */
  readonly url: string;
  readonly text: string;
}

/**
 * Every frame of these files, merged by time, then by file order, then by line. A recording need not be in order
 * itself (one of the known ones puts its REST answers first), so it is read whole before it is played.
 */
export async function readRecordings(files: readonly string[]): Promise<Result<readonly RecordedFrame[]>> {
  const frames: RecordedFrame[] = [];
  for (const [index, file] of files.entries()) {
    const read = await readRecording(file, index, frames);
    if (!read.ok) return read;
  }
  // Stable: equal times stay in file order.
  return ok(frames.sort((a, b) => a.localUs - b.localUs));
}

async function readRecording(file: string, index: number, into: RecordedFrame[]): Promise<Result<void>> {
  let number = 0;
  try {
    const raw = createReadStream(file);
    const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
    // A pipe does not hand on the error of its source.
    raw.on('error', (thrown) => input.destroy(thrown));
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (text === '') continue;
      const frame = parseLine(text, index);
      if (!frame.ok)
        return err(failure(frame.error.code, `${file}:${number}: ${frame.error.message}`, 'never'));
      if (frame.value !== null) into.push(frame.value);
    }
    return ok(undefined);
  } catch (thrown) {
    const why = failureOf(thrown, 'never');
    return err(failure(why.code, `${file}: ${why.message}`, 'never'));
  }
}

function parseLine(text: string, index: number): Result<RecordedFrame | null> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    return err(failure('not_json', thrown instanceof Error ? thrown.message : String(thrown), 'never'));
  }
  const parsed = line.safeParse(json);
  if (!parsed.success)
    return err(failure('wrong_shape', 'expected a line of a recording: {"t","conn","ts","data"}', 'never'));
  const { t, conn, ts, addr, url, data } = parsed.data;
  if (t === 'header' || t === 'send' || t === 'note') return ok(null);
  const localUs = ts === undefined ? null : secondsToUs(String(ts));
  if (localUs === null) return err(failure('wrong_shape', 'ts: expected epoch seconds', 'never'));
  return ok({
    kind: t,
    connection: `${index}:${conn ?? ''}`,
    localUs,
    url: url ?? addr ?? '',
    text: data ?? '',
  });
}
