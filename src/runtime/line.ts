/** One connection with what it was asked for. */

import type { Clock, Random } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import type { ConnectPacer } from './connect-pacer.ts';
import { type Link, startLink } from './link.ts';
import type { Fact } from './protocol.ts';
import { createSubscriptions, type Subscriptions, type SubscriptionsPort } from './subscriptions.ts';

export interface Line extends Pick<Link, 'plan' | 'isUp' | 'reconnects' | 'drop' | 'pause' | 'stop'> {
  readonly subscriptions: Subscriptions;
}

export interface LinePort extends Pick<SubscriptionsPort, 'feed' | 'request' | 'rates'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly pacer: ConnectPacer;
  readonly pausedMs: number;
  open(plan: ConnectionPlan, handlers: SourceHandlers): Source;
  onUp(): void;
  onFrame(plan: ConnectionPlan, text: string, localUs: number): void;
  onDown(why: Failure, wasUp: boolean): void;
  /** Something was not sent, since the venue takes no more requests on it for a while. */
  onFull(): void;
  report(type: string, more: Omit<Fact, 'type' | 'scope'>): void;
}

export function openLine(plan: ConnectionPlan, port: LinePort): Line {
  const { clock, feed, request, rates } = port;
  const subscriptions = createSubscriptions(plan, {
    clock,
    feed,
    request,
    rates,
    say(texts) {
      const leavesMs = link.say(texts);
      if (leavesMs === null) port.onFull();
      return leavesMs;
    },
    report: port.report,
  });
  const link = startLink(plan, clock, port.random, {
    pausedMs: port.pausedMs,
    pacer: port.pacer,
    open: port.open,
    onUp() {
      subscriptions.up();
      port.onUp();
    },
    onFrame: (text, localUs) => port.onFrame(plan, text, localUs),
    onDown(why, wasUp) {
      subscriptions.down();
      port.onDown(why, wasUp);
    },
  });
  return {
    plan,
    subscriptions,
    isUp: link.isUp,
    reconnects: link.reconnects,
    drop: link.drop,
    pause: link.pause,
    stop() {
      subscriptions.down();
      link.stop();
    },
  };
}
