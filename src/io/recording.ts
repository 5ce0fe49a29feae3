/** Recorded lines: JSON, plain or gzip, ours and other people's (DESIGN 6.4, `capture/`). */

import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { CAPTURE_SCHEMA, type CaptureHeader } from '../core/capture.ts';
import { FEEDS } from '../core/event.ts';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';
import { secondsToUs } from '../core/time.ts';
import { gunzipMembers } from './gunzip.ts';

export interface RecordedFrame {
  readonly kind: 'connect' | 'recv' | 'http' | 'close';
  readonly connection: string;
  readonly localUs: number;
  /** Of a `connect`, the address; of an `http`, the request. */
  readonly url: string;
  readonly text: string;
}

/** Something of the recorder's own doing. Keys that it does not have are empty. */
export interface RecordedNote {
  readonly kind: 'note';
  readonly localUs: number;
  readonly what: string;
  readonly symbol: string;
  readonly reason: string;
  readonly event: number;
  /** Trade ids, with spaces between. */
  readonly ids: string;
  readonly instruments: CaptureHeader['instruments'];
}

export interface RecordedHeader {
  readonly kind: 'header';
  readonly localUs: number;
  readonly header: CaptureHeader;
}

/** `other`: a line that a replay passes over. */
export type RecordedLine = RecordedFrame | RecordedNote | RecordedHeader | { readonly kind: 'other' };

const OTHER: RecordedLine = { kind: 'other' };
/** Large, so that few gzip members reach over the end of a read. */
const READ_BYTES = 1024 * 1024;
const NEWLINE = 10;

const line = z.object({
  t: z.enum(['header', 'connect', 'send', 'recv', 'http', 'close', 'note']),
  conn: z.string().optional(),
  ts: z.number().optional(),
  addr: z.string().optional(),
  url: z.string().optional(),
  data: z.string().optional(),
  program: z.unknown().optional(),
  what: z.unknown().optional(),
  symbol: z.unknown().optional(),
  reason: z.unknown().optional(),
  event: z.unknown().optional(),
  ids: z.unknown().optional(),
  instruments: z.unknown().optional(),
});

const located = z.array(z.object({ symbol: z.string(), id: z.string(), market: z.enum(['spot', 'linear']) }));

const ours = z.object({
  schema_version: z.literal(CAPTURE_SCHEMA),
  version: z.string(),
  venue: z.string(),
  feed: z.enum(FEEDS),
  options: z.object({ depth: z.int(), stream: z.enum(['trade', 'aggTrade']).nullable() }),
  instruments: located,
  run: z.number(),
  part: z.int(),
  line: z.int(),
  connections: z.array(z.object({ conn: z.string(), addr: z.string() })),
});

/**
 * The lines of a file, some at a time. One that ends within a line, or within a gzip member, was torn by a kill or a
 * power cut: its lines before that are given, and `warn` is told the place. Any other damage is a failure, the last thing
 * given.
 */
export async function* readLines(
  file: string,
  warn: (message: string) => void,
): AsyncGenerator<Result<readonly RecordedLine[]>> {
  let number = 0;
  let isTorn = false;
  let rest: Buffer = Buffer.alloc(0);
  const parse = (texts: readonly string[]): Result<readonly RecordedLine[]> => {
    const lines: RecordedLine[] = [];
    for (const text of texts) {
      number += 1;
      if (text === '') continue;
      const parsed = parseLine(text);
      if (!parsed.ok) return err(placed(parsed.error, `${file}:${number}`));
      lines.push(parsed.value);
    }
    return ok(lines);
  };
  try {
    const raw: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: READ_BYTES });
    const bytes = file.endsWith('.gz')
      ? gunzipMembers(raw, (tear) => {
          isTorn = true;
          warn(
            `${file}: torn at byte ${tear.offset}: its last ${tear.bytes} bytes are no whole gzip member; what they still hold in whole lines is played`,
          );
        })
      : raw;
    for await (const chunk of bytes) {
      const end = chunk.lastIndexOf(NEWLINE) + 1;
      if (end === 0) {
        rest = Buffer.concat([rest, chunk]);
        continue;
      }
      const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const text = whole.toString('utf8', 0, rest.length + end);
      rest = chunk.subarray(end);
      const lines = parse(text.split(/\r?\n/).slice(0, -1));
      yield lines;
      if (!lines.ok) return;
    }
  } catch (thrown) {
    return yield err(placed(failureOf(thrown), file));
  }
  if (rest.length === 0 || isTorn) return;
  const last = parse([rest.toString('utf8').replace(/\r$/, '')]);
  if (last.ok || last.error.code !== 'not_json') return yield last;
  warn(`${file}:${number}: torn: its last ${rest.length} bytes are no whole line, and are left out`);
}

function placed(why: Failure, place: string): Failure {
  return failure(why.code, `${place}: ${why.message}`, 'never');
}

function parseLine(text: string): Result<RecordedLine> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    return err(failure('not_json', thrown instanceof Error ? thrown.message : String(thrown), 'never'));
  }
  const parsed = line.safeParse(json);
  if (!parsed.success) return wrong('expected a line of a recording: {"t","conn","ts","data"}');
  const { t, conn = '', ts, addr, url, data = '' } = parsed.data;
  if (t === 'send') return ok(OTHER);
  if (t === 'header' && parsed.data.program !== 'tapedeck') return ok(OTHER);
  const localUs = ts === undefined ? null : secondsToUs(String(ts));
  if (t === 'note') return ok(noteOf(parsed.data, localUs ?? 0));
  if (localUs === null) return wrong('ts: expected epoch seconds');
  if (t === 'header') return headerOf(json, localUs);
  return ok({ kind: t, connection: conn, localUs, url: url ?? addr ?? '', text: data });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function noteOf(note: z.infer<typeof line>, localUs: number): RecordedNote {
  const { what, symbol, reason, event, ids } = note;
  const told = { what: text(what), symbol: text(symbol), reason: text(reason), ids: text(ids) };
  const instruments = located.safeParse(note.instruments).data ?? [];
  return { kind: 'note', localUs, ...told, instruments, event: typeof event === 'number' ? event : 0 };
}

function headerOf(json: unknown, localUs: number): Result<RecordedHeader> {
  const parsed = ours.safeParse(json);
  const runUs = parsed.success ? secondsToUs(String(parsed.data.run)) : null;
  if (!parsed.success || runUs === null)
    return wrong(`expected a capture's header, schema_version ${CAPTURE_SCHEMA}`);
  const { run: _, schema_version: __, ...header } = parsed.data;
  return ok({ kind: 'header', localUs, header: { ...header, runUs } });
}

const wrong = (message: string): Result<never> => err(failure('wrong_shape', message, 'never'));
