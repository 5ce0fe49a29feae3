/** The log's lines, each bound to the worker or the venue that it is of, and without secrets. */

import type { Logger } from 'pino';
import { FEEDS } from '../core/event.ts';
import { type Redact, redactAll } from '../core/redact.ts';

/** `fields.scope`: `binance.trades` is bound as `worker` (and its venue), `binance` as `venue`; others are the program's. */
export type Tell = <F extends { readonly scope: string }>(
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: F,
  text: string,
) => void;

export function createScopedLog(logger: Logger, venues: readonly string[], redact: Redact): Tell {
  const own = new Map<string, Logger>();
  for (const venue of venues) {
    own.set(venue, logger.child({ venue }));
    for (const feed of FEEDS)
      own.set(`${venue}.${feed}`, logger.child({ venue, worker: `${venue}.${feed}` }));
  }
  return (level, fields, text) => {
    const bound = own.get(fields.scope) ?? logger;
    if (!bound.isLevelEnabled(level)) return;
    const clean: object = redactAll(fields, redact);
    bound[level](clean, text);
  };
}
