/** One connection held for ever: opened, greeted, pinged, watched for silence, opened again. */

import { backoffMs } from '../core/backoff.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan } from '../core/venue.ts';

const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** A connection that lived this long was a good one: the next failure begins the backoff anew. */
const GOOD_MS = 60_000;
const WATCH_MS = 1_000;

export interface LinkPort {
  /** The first connection is opened so much later, ms. */
  readonly pausedMs?: number;
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
  /** Sends texts in order, paced as the venue asks; dropped when the connection ends before. */
  say(texts: readonly string[]): void;
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
  let queue: string[] = [];
  let timers: Cancel[] = [];
  let pace: Cancel | null = null;
  let pausedUntilMs = clock.monoMs() + (port.pausedMs ?? 0);

  const sign = (): void => {
    lastSignMs = clock.monoMs();
  };

  const sayNext = (): void => {
    pace = null;
    const text = queue.shift();
    if (text === undefined || source === null) return;
    // Not open any more: the close that follows tells of it.
    if (source.send(text).ok) pace = clock.after(plan.paceMs, sayNext);
  };

  const say = (texts: readonly string[]): void => {
    if (!up) return;
    queue.push(...texts);
    if (pace === null) sayNext();
  };

  const clear = (): void => {
    for (const cancel of timers) cancel();
    timers = [];
    pace?.();
    pace = null;
    queue = [];
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
    say(plan.hellos);
    const { ping } = plan;
    if (ping !== null) timers.push(clock.every(ping.everyMs, () => say([ping.text])));
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
    clear();
    if (stopped) return;
    const paused = clock.monoMs() < pausedUntilMs;
    port.onDown(
      paused
        ? { ...why, code: 'paused', message: 'the venue wants no session for a while' }
        : silent
          ? { ...why, code: 'silent', message: `no sign of life for ${plan.idleMs / 1000} s` }
          : why,
      wasUp,
    );
    openLater();
  };

  /** After a pause the connections of a venue do not all come back at once. */
  const openLater = (): void => {
    const pausedMs = Math.max(0, pausedUntilMs - clock.monoMs());
    timers.push(clock.after(pausedMs + backoffMs(attempt, BACKOFF, random), open));
    attempt += 1;
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
  else open();
  return {
    plan,
    isUp: () => up,
    reconnects: () => Math.max(0, opened - 1),
    say,
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
