/** A feed's connections: what comes over them goes to its other parts, and to the capture. */

import type { Capture } from '../core/capture.ts';
import type { Venue } from '../core/venue.ts';
import { type Connections, type ConnectionsPort, createConnections } from './connections.ts';
import type { Fallback } from './fallback.ts';
import type { Holes } from './holes.ts';
import type { Intake } from './intake.ts';
import type { Outflow } from './outflow.ts';
import type { Fact, FetcherInit } from './protocol.ts';
import { recordedSource } from './recorded-source.ts';
import type { Snapshots } from './snapshots.ts';

export interface FeedConnectionsParts {
  readonly port: Pick<ConnectionsPort, 'clock' | 'random' | 'open'> & { readonly capture: Capture | null };
  readonly intake: Pick<Intake, 'open' | 'frame' | 'close' | 'isNeeded'>;
  readonly outflow: Pick<Outflow, 'begin'>;
  readonly snapshots: Pick<Snapshots, 'expect' | 'forget'>;
  readonly fallback: Pick<Fallback, 'up' | 'down' | 'gone'>;
  holes(): Pick<Holes, 'up' | 'down' | 'closed' | 'lost'>;
  report(type: string, more: Omit<Fact, 'type' | 'scope'>): void;
  /** The newest error. */
  failed(why: string): void;
}

export function createFeedConnections(
  venue: Venue,
  init: Pick<FetcherInit, 'feed' | 'pausedMs'>,
  { port, intake, outflow, snapshots, fallback, holes, report, failed }: FeedConnectionsParts,
): Connections {
  const { capture } = port;
  return createConnections({
    clock: port.clock,
    random: port.random,
    feed: init.feed,
    request: venue.request,
    pausedMs: init.pausedMs ?? 0,
    open: (plan, handlers) => recordedSource(port.open(plan, handlers), plan.name, capture),
    onBegin: (plan) => fallback.down(plan, 'not yet opened'),
    onUp(plan) {
      capture?.connect(plan.name, plan.url);
      intake.open(plan.name, plan.url);
      if (init.feed === 'orderbook')
        for (const one of plan.instruments)
          if (venue.bookRule(one.market).snapshot === 'subscribe') snapshots.expect(one.symbol);
      fallback.up(plan);
      holes().up(plan);
      report('connect', { connection: plan.name, url: plan.url });
    },
    onFrame(plan, text, localUs) {
      outflow.begin();
      capture?.recv(plan.name, text, localUs);
      intake.frame(plan.name, text, localUs);
    },
    onDown(plan, { code, message }, wasUp, isServed) {
      const why = `${code} ${message}`;
      failed(`${plan.name}: ${why}`);
      capture?.disconnect(plan.name, why);
      // A book goes on by its numbers on the connection that is open beside it.
      if (wasUp && (!isServed || init.feed !== 'orderbook')) holes().down(plan, code, why);
      intake.close(plan.name);
      if (isServed && !wasUp)
        return report('handover', { connection: plan.name, state: 'failed', code, message });
      if (!isServed) {
        fallback.down(plan, why);
        for (const one of plan.instruments) snapshots.forget(one.symbol);
      }
      report('reconnect', { connection: plan.name, was_up: wasUp, code, message });
    },
    onClosed(plan) {
      capture?.disconnect(plan.name, 'closed by us');
      intake.close(plan.name, 'handover');
      holes().closed(plan);
    },
    onGone: fallback.gone,
    isNeeded: intake.isNeeded,
    report(type, more) {
      if (type === 'refused' || type === 'silent') {
        failed(`${type}: ${more.stream}: ${more.reason}`);
        if (typeof more.symbol === 'string') holes().lost(more.symbol, 'stall', `${type}: ${more.reason}`);
      }
      report(type, more);
    },
  });
}
