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

/** Venues can come and go while it runs. */
export function createScopedLog(logger: Logger, isVenue: (id: string) => boolean, redact: Redact): Tell {
  const own = new Map<string, Logger>();

  const boundTo = (scope: string): Logger => {
    const known = own.get(scope);
    if (known !== undefined) return known;
    const [venue = '', feed, ...more] = scope.split('.');
    if (!isVenue(venue) || more.length > 0) return logger;
    const isWorker = FEEDS.some((one) => one === feed);
    if (feed !== undefined && !isWorker) return logger;
    const made = logger.child(isWorker ? { venue, worker: scope } : { venue });
    own.set(scope, made);
    return made;
  };

  return (level, fields, text) => {
    const bound = boundTo(fields.scope);
    if (!bound.isLevelEnabled(level)) return;
    const clean: object = redactAll(fields, redact);
    bound[level](clean, text);
  };
}
