/**
 * The kinds of value that an option can have. The error of each is what was expected, in plain words: a problem
 * reads "expected <error>, got <value>".
 */

import { z } from 'zod';
import { parseSymbol, unified } from '../src/core/symbol.ts';
import type { Venue } from '../src/core/venue.ts';
import { oneOfText } from './problem.ts';

/** A mapping of options, all with defaults; a key that it does not name is refused. */
export function group<S extends z.ZodRawShape>(meaning: string, shape: S) {
  return z.strictObject(shape, { error: 'a mapping ({} for the defaults)' }).describe(meaning);
}

export function flag() {
  return z.boolean({ error: 'true or false' });
}

export function text(what: string) {
  return z.string({ error: what }).min(1, { error: what });
}

export function integer(min: number, max: number) {
  const error = `an integer from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function decimal(min: number, max: number) {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** A number above zero and at most `max`. */
export function share(max: number) {
  const error = `a number above 0 and at most ${max}`;
  return z.number({ error }).gt(0, { error }).max(max, { error });
}

export function oneOf<const T extends readonly [string, ...string[]]>(names: T) {
  return z.enum(names, { error: oneOfText(names) });
}

/** The base URL of an endpoint: `rest` keys speak HTTP, `ws` keys WebSocket. A trailing slash is stripped. */
export function baseUrl(key: string) {
  const [plain, secure] = key.includes('rest') ? ['http', 'https'] : ['ws', 'wss'];
  const error = `a base URL ${plain}://… or ${secure}://… without credentials, query or fragment`;
  const form = new RegExp(`^(?:${plain}|${secure})://[^/?#@\\s\\\\]+(?:/[^?#\\s\\\\]*)?$`, 'i');
  return z
    .string({ error })
    .refine((url) => form.test(url) && URL.canParse(url), { error })
    .overwrite((url) => url.replace(/\/+$/, ''));
}

/** The URL of a web page or program, as it is. */
export function webUrl() {
  const error = 'a URL http://… or https://… without credentials';
  return z
    .string({ error })
    .refine((url) => /^https?:\/\/[^/?#@\s\\]+(?:[/?][^#\s\\]*)?$/i.test(url) && URL.canParse(url), {
      error,
    });
}

/** Unified symbols that the venue has, each once, at least one. */
export function symbols(venue: Pick<Venue, 'id' | 'defaultSymbols' | 'locate'>) {
  const known = `a symbol of ${venue.id} as ${symbolForms(venue)}`;
  const error = `a list of at least one symbol of ${venue.id} as ${symbolForms(venue)}`;
  return z
    .array(
      z.string({ error: known }).refine((symbol) => venue.locate(symbol) !== null, { error: known }),
      { error },
    )
    .min(1, { error })
    .superRefine((list, context) => {
      list.forEach((symbol, index) => {
        if (list.indexOf(symbol) === index) return;
        context.addIssue({ code: 'custom', path: [index], message: 'each symbol once', input: symbol });
      });
    });
}

/** Examples that this venue really has: `BTC/JPY (spot) or BTC/JPY:JPY (linear perpetual)`. */
function symbolForms(venue: Pick<Venue, 'defaultSymbols' | 'locate'>): string {
  const { base, quote } = parseSymbol(venue.defaultSymbols[0] ?? '') ?? { base: 'BTC', quote: 'USDT' };
  const spot = unified(base, quote, 'spot');
  const linear = unified(base, quote, 'linear');
  const forms = [];
  if (venue.locate(spot) !== null) forms.push(`${spot} (spot)`);
  if (venue.locate(linear) !== null) forms.push(`${linear} (linear perpetual)`);
  return oneOfText(forms);
}
