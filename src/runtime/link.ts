/** One connection held for ever: opened, greeted, pinged, watched for silence, opened again. */

import { backoffMs } from '../core/backoff.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan } from '../core/venue.ts';
import type { ConnectPacer } from './connect-pacer.ts';

const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** A connection that lived this long was a good one: the next failure begins the backoff anew. */
const GOOD_MS = 60_000;
const WATCH_MS = 1_000;
/** What would wait longer for the venue's quota is not said. */
const PATIENCE_MS = 60_000;
/** Why a connection ended that the venue wanted closed. */
export const PAUSED: Failure = failure('paused', 'the venue wants no session for a while');

export interface LinkPort {
  /** The first connection is opened so much later, ms. */
  readonly pausedMs?: number;
  /** Says when an attempt to connect may be made. */
  readonly pacer: ConnectPacer;
  open(plan: ConnectionPlan, handlers: SourceHandlers): Source;
  onUp(): void;
  onFrame(text: string, localUs: number): void;
  /** It ended; or, with `wasUp` false, an attempt to open it failed. */
  onDown(why: Failure, wasUp: boolean): void;
}

export interface Link {
  readonly plan: ConnectionPlan;
  isUp(): boolean;
  /** Times that it was opened again. */
  reconnects(): number;
  /**
   * Sends texts in order, paced as the venue asks, the first only when there is room for all; dropped when the
   * connection ends before. Gives when the last one leaves, ms from now; null: the venue's quota would hold it back
   * for more than a minute, and none is sent.
   */
  say(texts: readonly string[]): number | null;
  /** Ends the connection for a reason of ours; it is opened again. */
  drop(why: Failure): void;
  /** Closes it, and keeps it closed for so long, ms. */
  pause(ms: number): void;
  stop(): void;
}

export function startLink(plan: ConnectionPlan, clock: Clock, random: Random, port: LinkPort): Link {
  let source: Source | null = null;
  let up = false;
  let stopped = false;
  let attempt = 0;
  let opened = 0;
  let openedMs = 0;
  let lastSignMs = 0;
  /** What is said together stays together. */
  let queue: string[][] = [];
  let timers: Cancel[] = [];
  let pace: Cancel | null = null;
  /** When the newest texts were sent, ms, as far back as the venue counts them. */
  let sent: number[] = [];
  /** Why we end it. */
  let dropped: Failure | null = null;
  let pausedUntilMs = clock.monoMs() + (port.pausedMs ?? 0);

  const sign = (): void => {
    lastSignMs = clock.monoMs();
  };

  /** When so many more may be sent, ms, after these moments; in the past: now. */
  const roomMs = (moments: readonly number[], count: number): number => {
    if (plan.requests === null) return 0;
    const { limit, perMs } = plan.requests;
    const oldest = moments.at(-Math.max(1, limit - count + 1));
    return oldest === undefined ? 0 : oldest + perMs;
  };

  const sayNext = (): void => {
    pace = null;
    const [next] = queue;
    if (next === undefined || source === null) return;
    const waitMs = roomMs(sent, next.length) - clock.monoMs();
    if (waitMs > 0) {
      pace = clock.after(waitMs, sayNext);
      return;
    }
    const text = next.shift() as string;
    if (next.length === 0) queue.shift();
    note(sent, clock.monoMs());
    // Not open any more: the close that follows tells of it.
    if (source.send(text).ok) pace = clock.after(plan.paceMs, sayNext);
  };

  const note = (moments: number[], atMs: number): void => {
    moments.push(atMs);
    if (moments.length > (plan.requests?.limit ?? 1)) moments.shift();
  };

  /** When all of these have left, as `sayNext` sends them. */
  const leaveMs = (groups: readonly (readonly string[])[]): number => {
    const moments = [...sent];
    let atMs = clock.monoMs();
    for (const group of groups)
      group.forEach((_, index) => {
        const last = moments.at(-1);
        atMs = Math.max(
          atMs,
          (last ?? atMs - plan.paceMs) + plan.paceMs,
          roomMs(moments, group.length - index),
        );
        note(moments, atMs);
      });
    return atMs;
  };

  const say = (texts: readonly string[]): number | null => {
    if (!up || texts.length === 0) return 0;
    const leavesMs = leaveMs([...queue, texts]) - clock.monoMs();
    const pacedMs = plan.paceMs * (queue.flat().length + texts.length);
    if (leavesMs - pacedMs > PATIENCE_MS) return null;
    queue.push([...texts]);
    if (pace === null) sayNext();
    return leavesMs;
  };

  const clear = (): void => {
    for (const cancel of timers) cancel();
    timers = [];
    pace?.();
    pace = null;
    queue = [];
    sent = [];
    dropped = null;
    up = false;
    source = null;
  };

  const onOpen = (): void => {
    if (stopped) return;
    up = true;
    opened += 1;
    openedMs = clock.monoMs();
    sign();
    port.onUp();
    for (const hello of plan.hellos) say([hello]);
    const { ping } = plan;
    // No request: it never waits behind those.
    if (ping !== null) timers.push(clock.every(ping.everyMs, () => void source?.send(ping.text)));
    timers.push(
      clock.every(WATCH_MS, () => {
        if (clock.monoMs() - lastSignMs > plan.idleMs) source?.close('at once');
      }),
    );
  };

  const onClose = (why: Failure): void => {
    if (up && clock.monoMs() - openedMs >= GOOD_MS) attempt = 0;
    const wasUp = up;
    const silent = up && clock.monoMs() - lastSignMs > plan.idleMs;
    const ours = dropped;
    clear();
    if (stopped) return;
    const paused = clock.monoMs() < pausedUntilMs;
    port.onDown(
      paused
        ? PAUSED
        : silent
          ? { ...why, code: 'silent', message: `no sign of life for ${plan.idleMs / 1000} s` }
          : (ours ?? why),
      wasUp,
    );
    if (!stopped) openLater();
  };

  /** After a pause the connections of a venue do not all come back at once. */
  const openLater = (): void => {
    const pausedMs = Math.max(0, pausedUntilMs - clock.monoMs());
    timers.push(clock.after(pausedMs + backoffMs(attempt, BACKOFF, random), turn));
    attempt += 1;
  };

  const turn = (): void => {
    timers = [];
    const cancel = port.pacer.turn(plan.connects, open);
    if (source === null) timers.push(cancel);
  };

  const open = (): void => {
    timers = [];
    sign();
    source = port.open(plan, {
      onOpen,
      onClose,
      onSign: sign,
      onFrame: (text, localUs) => {
        if (stopped) return;
        sign();
        port.onFrame(text, localUs);
      },
    });
  };

  if (port.pausedMs) openLater();
  else turn();
  return {
    plan,
    isUp: () => up,
    reconnects: () => Math.max(0, opened - 1),
    say,
    drop(why) {
      if (source === null || stopped || dropped !== null) return;
      dropped = why;
      source.close('at once');
    },
    pause(ms) {
      if (stopped) return;
      pausedUntilMs = Math.max(pausedUntilMs, clock.monoMs() + ms);
      attempt = 0;
      if (source !== null) return source.close('politely');
      clear();
      openLater();
    },
    stop() {
      stopped = true;
      const ending = source;
      clear();
      ending?.close('politely');
    },
  };
}
