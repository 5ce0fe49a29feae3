/** The connections of one feed: a link for each plan, held for ever. */

import type { Clock, Random } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import { type Link, startLink } from './link.ts';

export interface ConnectionsPort {
  readonly clock: Clock;
  readonly random: Random;
  /** The first connections are opened so much later, ms. */
  readonly pausedMs: number;
  open(plan: ConnectionPlan, handlers: SourceHandlers): Source;
  onUp(plan: ConnectionPlan): void;
  onFrame(plan: ConnectionPlan, text: string, localUs: number): void;
  /** It ended; or, with `wasUp` false, an attempt to open it failed. */
  onDown(plan: ConnectionPlan, why: Failure, wasUp: boolean): void;
}

export interface Connections {
  start(plans: readonly ConnectionPlan[]): void;
  all(): readonly Link[];
  /** The one that a symbol's messages come over. */
  of(symbol: string): Link | undefined;
  /** Closes them, and keeps them closed for so long, ms. */
  pause(ms: number): void;
  stop(): void;
}

export function createConnections(port: ConnectionsPort): Connections {
  const links: Link[] = [];
  return {
    start(plans) {
      for (const plan of plans)
        links.push(
          startLink(plan, port.clock, port.random, {
            pausedMs: port.pausedMs,
            open: port.open,
            onUp: () => port.onUp(plan),
            onFrame: (text, localUs) => port.onFrame(plan, text, localUs),
            onDown: (why, wasUp) => port.onDown(plan, why, wasUp),
          }),
        );
    },
    all: () => links,
    of: (symbol) => links.find((link) => link.plan.instruments.some((one) => one.symbol === symbol)),
    pause(ms) {
      for (const link of links) link.pause(ms);
    },
    stop() {
      for (const link of links) link.stop();
    },
  };
}
