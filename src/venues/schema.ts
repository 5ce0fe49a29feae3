/** The pieces of which every venue's wire schemas are made, and the one way from text to a judged message. */

import { z } from 'zod';
import { isDecimal, isZero } from '../core/decimal.ts';
import type { Level } from '../core/event.ts';
import { err, failure, ok, type Result } from '../core/result.ts';
import { msToUs } from '../core/time.ts';
import type { Read } from '../core/venue.ts';

/** Unsigned decimal text: amounts, volumes. A hand-written check, since it runs for every level of every book. */
export const decimal = z.custom<string>(isDecimal, 'expected an unsigned decimal number as text');

/** The same, or the empty text that stands where there is no quote. */
export const quoted = z.custom<string>(
  (v) => v === '' || isDecimal(v),
  'expected a decimal number as text, or an empty text',
);

/** Decimal text above zero: prices. */
export const price = z.custom<string>(
  (v) => isDecimal(v) && !isZero(v),
  'expected a price above zero as text',
);

/** Milliseconds between 2001 and 2100, as a number or as text; `us` turns them into µs. */
export const msNumber = z.custom<number>(
  (v) => typeof v === 'number' && msToUs(v) !== null,
  'expected ms as a number',
);
export const msText = z.custom<string>(
  (v) => typeof v === 'string' && msToUs(v) !== null,
  'expected ms as text',
);

/** A safe integer that counts messages or updates. */
export const sequence = z.custom<number>((v) => Number.isSafeInteger(v), 'expected an integer');

/** A venue's name for an instrument: no blanks or control characters, and short. */
export const instrumentId = z.custom<string>(
  (v) => typeof v === 'string' && v.length > 0 && v.length <= 64 && !/[\s\p{Cc}]/u.test(v),
  'expected an instrument id',
);

/** A venue's id of a trade: short, with no line end or other control character (a row of ours is one line). */
export const tradeId = z.custom<string>(
  (v) => typeof v === 'string' && v.length > 0 && v.length <= 64 && !/\p{Cc}/u.test(v),
  'expected a trade id',
);

/** `[price, amount, …]` pairs of decimal text; further members of a level are let be. */
export const levels = z.custom<readonly Level[]>((value) => {
  if (!Array.isArray(value)) return false;
  for (const level of value) {
    if (!Array.isArray(level) || !isDecimal(level[0]) || !isDecimal(level[1])) return false;
  }
  return true;
}, 'expected [price, amount] pairs of decimal text');

/** µs of a time that `msNumber` or `msText` has already let pass. */
export function us(ms: number | string): number {
  return msToUs(ms) ?? Number.NaN;
}

export function parseJson(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch (thrown) {
    return err(failure('not_json', thrown instanceof Error ? thrown.message : String(thrown), 'never'));
  }
}

/** The first thing wrong, with its place: `data.0.px: expected a price above zero as text`. */
export function explain(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'wrong shape';
  return `${issue.path.map(String).join('.') || '(whole)'}: ${issue.message}`;
}

export function rejected(reason: string): { readonly kind: 'rejected'; readonly reason: string } {
  return { kind: 'rejected', reason };
}

export function ignored(name: string): { readonly kind: 'ignored'; readonly name: string } {
  return { kind: 'ignored', name };
}

/** A value through a schema, as a frame's judgement; of which stream it is, its caller knows. */
export function judge<S extends z.ZodType>(schema: S, value: unknown): Read<z.infer<S>> {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { kind: 'message', message: parsed.data, stream: '' }
    : rejected(explain(parsed.error));
}

/** A REST answer's text through a schema. */
export function readAnswer<S extends z.ZodType>(schema: S, text: string): Result<z.infer<S>> {
  const json = parseJson(text);
  if (!json.ok) return json;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? ok(parsed.data) : err(failure('wrong_shape', explain(parsed.error)));
}

/** A venue's own words as text: never an object, whose own `toString` could be anything. */
export function said(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 200) : '';
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
