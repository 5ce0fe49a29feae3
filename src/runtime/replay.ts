/**
 * Recorded frames through the same intake, batches, stages and writer as live ones. One thread; time is the receipt
 * time of the frames, so two replays give the same bytes.
 */

import { manualTime } from '../core/manual-time.ts';
import { err, failure, ok, type Result } from '../core/result.ts';
import type { CapturedPart, Moment } from '../io/recordings.ts';
import type { Counters } from './counters.ts';
import { createCapturePlayer } from './play-capture.ts';
import { createRecordingPlayer } from './play-recording.ts';
import type { Player, ReplayPort } from './player.ts';

/** Ticks stop when the recording has been silent this long. */
const IDLE_US = 60_000_000;
const SECOND_US = 1_000_000;

export interface ReplayReport {
  readonly frames: number;
  /** Frames of no known venue, by host: connections, what came over them, REST answers. */
  readonly unknown: Readonly<Record<string, number>>;
  /** By venue, and by `venue.feed` of our own captures. */
  readonly venues: Readonly<Record<string, { readonly counters: Counters; readonly symbols: number }>>;
}

/**
 * Plays the moments in the order given. `pause` is called now and then, so that a writer can keep up. Fails where the
 * moments do, and with `unknown_venue` on a capture of a venue that is not known here.
 */
export async function replay(
  moments: AsyncIterable<Result<readonly Moment[]>>,
  port: ReplayPort,
  pause: () => Promise<void>,
): Promise<Result<ReplayReport>> {
  const time = manualTime(0);
  const players = new Map<number, Player>();
  const unknown: Record<string, number> = {};
  let nextTickUs: number | null = null;
  let frames = 0;
  let sincePause = 0;
  let isStopped = false;

  const strange = (host: string): void => {
    unknown[host] = (unknown[host] ?? 0) + 1;
  };

  const playerOf = ({ track, line }: Moment): Player => {
    let player = players.get(track);
    if (player === undefined) {
      player =
        line.kind === 'part' ? createCapturePlayer(port, time) : createRecordingPlayer(port, time, strange);
      players.set(track, player);
    }
    return player;
  };

  /** Ticks at whole seconds of receipt time, until the recording has been idle for a minute. */
  const passTo = (us: number): void => {
    const nextUs = Math.floor(us / SECOND_US) * SECOND_US + SECOND_US;
    if (nextTickUs === null) {
      time.advanceTo(us);
      nextTickUs = nextUs;
    }
    const lastTickUs = Math.min(us, time.wallUs() + IDLE_US);
    while (nextTickUs <= lastTickUs) {
      time.advanceTo(nextTickUs);
      port.tick(nextTickUs);
      nextTickUs += SECOND_US;
    }
    nextTickUs = Math.max(nextTickUs, nextUs);
    time.advanceTo(us);
  };

  const play = (moment: Moment): void => {
    const { line, atUs } = moment;
    passTo(atUs);
    playerOf(moment).play(moment);
    isStopped = line.kind === 'note' && line.what === 'stop';
    if (line.kind !== 'part' && line.kind !== 'note') frames += 1;
  };

  const isKnown = ({ header }: CapturedPart): boolean => port.venues.some(({ id }) => id === header.venue);

  for await (const some of moments) {
    if (!some.ok) return some;
    for (const moment of some.value) {
      const { line } = moment;
      if (line.kind === 'part' && !isKnown(line))
        return err(
          failure('unknown_venue', `a capture of "${line.header.venue}", which is no known venue`, 'never'),
        );
      play(moment);
    }
    sincePause += some.value.length;
    if (sincePause < 2_000) continue;
    sincePause = 0;
    await pause();
  }
  for (const player of players.values()) player.flush();
  if (nextTickUs !== null) {
    // A run that was stopped judged what the last seconds gave, and no more.
    if (!isStopped) passTo(time.wallUs() + IDLE_US);
    port.tick(Number.POSITIVE_INFINITY);
  }
  for (const player of players.values()) player.books();
  const played = [...players.values()].flatMap((player) => player.played());
  return ok({
    frames,
    unknown,
    venues: Object.fromEntries(
      played.map(({ scope, counters, symbols }) => [scope, { counters, symbols: symbols.size }]),
    ),
  });
}
