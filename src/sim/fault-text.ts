/** A fault as one word of a command line: `binance:drop:orderbook:BTC/USDT:count=3:after=5`. */

import { FEEDS } from '../core/event.ts';
import { FAULT_KINDS, fieldsOf } from './faults.ts';

export const FAULT_SYNTAX = 'VENUE:KIND[:FEED][:SYMBOL][:NAME=VALUE…]';

/** Units are left out of names: `after` is `afterSec`, `skew` is `skewMs`. */
const UNITS = ['', 'Sec', 'Ms'];

/** What the text says, not yet checked (`readFault`). Throws a `RangeError` that tells what was expected. */
export function parseFault(text: string): Readonly<Record<string, unknown>> {
  const [venue = '', kind = '', ...parts] = text.split(':');
  if (kind === '') throw new RangeError(`--fault: expected ${FAULT_SYNTAX}, got "${text}"`);
  if (!FAULT_KINDS.some((known) => known === kind))
    throw new RangeError(`--fault ${text}: there is no "${kind}": expected one of ${FAULT_KINDS.join(', ')}`);
  const fields = fieldsOf(kind);
  const fault: Record<string, unknown> = { kind, venue };
  const symbol: string[] = [];
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 0 && symbol.length === 0 && FEEDS.some((feed) => feed === part)) fault.feed = part;
    // A symbol may hold the mark that parts the others: `BTC/USDT:USDT`.
    else if (at < 0) symbol.push(part);
    else {
      const name = part.slice(0, at);
      const field = UNITS.map((unit) => `${name}${unit}`).find((one) => fields.includes(one));
      if (field === undefined)
        throw new RangeError(`--fault ${text}: ${kind} has no "${name}": it has ${namesOf(fields)}`);
      fault[field] = fieldValue(field, part.slice(at + 1));
    }
  }
  if (symbol.length > 0) fault.symbol = symbol.join(':');
  return fault;
}

const namesOf = (fields: readonly string[]): string =>
  fields
    .filter((field) => field !== 'kind' && field !== 'venue')
    .map((field) => field.replace(/(Sec|Ms)$/, ''))
    .join(', ');

function fieldValue(field: string, text: string): unknown {
  if (['feed', 'symbol', 'path'].includes(field)) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() === '' ? text : Number(text);
}
