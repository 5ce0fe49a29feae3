/** The journal: a JSON line for all that was sent, and for all that was done to it. */

import type { Clock } from '../core/ports.ts';
import { seconds } from '../core/time.ts';

/** `conn`: the connection, `rest`, or what else it is about. */
export type Note = (venue: string, conn: string, what: object) => void;

/** `write` null: nothing is written down. */
export function createNote(write: ((line: string) => void) | null, clock: Pick<Clock, 'wallUs'>): Note {
  if (write === null) return () => undefined;
  return (venue, conn, what) => write(JSON.stringify({ ts: seconds(clock.wallUs()), venue, conn, ...what }));
}
