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
  /** It is to be held from now on, and not open yet. */
  onBegin(plan: ConnectionPlan): void;
  onUp(plan: ConnectionPlan): void;
  onFrame(plan: ConnectionPlan, text: string, localUs: number): void;
  /** It ended; or, with `wasUp` false, an attempt to open it failed. */
  onDown(plan: ConnectionPlan, why: Failure, wasUp: boolean): void;
  /** It was closed for good. */
  onGone(plan: ConnectionPlan): void;
}

export interface Connections {
  start(plans: readonly ConnectionPlan[]): void;
  /** These are to be held from now on: one that is the same as before is not touched. */
  replan(plans: readonly ConnectionPlan[]): void;
  all(): readonly Link[];
  /** The one that a symbol's messages come over. */
  of(symbol: string): Link | undefined;
  /** Closes them, and keeps them closed for so long, ms. */
  pause(ms: number): void;
  stop(): void;
}

export function createConnections(port: ConnectionsPort): Connections {
  const links: Link[] = [];
  const start = (plans: readonly ConnectionPlan[]): void => {
    for (const plan of plans) {
      port.onBegin(plan);
      links.push(
        startLink(plan, port.clock, port.random, {
          pausedMs: port.pausedMs,
          open: port.open,
          onUp: () => port.onUp(plan),
          onFrame: (text, localUs) => port.onFrame(plan, text, localUs),
          onDown: (why, wasUp) => port.onDown(plan, why, wasUp),
        }),
      );
    }
  };

  return {
    start,
    replan(plans) {
      const isHeld = (plan: ConnectionPlan): boolean => links.some((link) => isSame(link.plan, plan));
      const missing = plans.filter((plan) => !isHeld(plan));
      for (const link of [...links]) {
        if (plans.some((plan) => isSame(plan, link.plan))) continue;
        links.splice(links.indexOf(link), 1);
        link.stop();
        port.onGone(link.plan);
      }
      start(missing);
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

function isSame(one: ConnectionPlan, other: ConnectionPlan): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
