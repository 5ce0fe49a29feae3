/** The only switch on transport. */

import type { Clock } from '../core/ports.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import { openSocket } from './socket.ts';

export type Transport = 'ws';

export function openSource(
  transport: Transport,
  plan: ConnectionPlan,
  clock: Clock,
  handlers: SourceHandlers,
): Source {
  switch (transport) {
    case 'ws':
      return openSocket(plan.url, clock, handlers);
  }
}
