/**
 * Recorded frames through the same intake, batches, stages and writer as live ones. One thread; time is the receipt
 * time of the frames, so two replays give the same bytes.
 */

import type { Batch } from '../core/batch.ts';
import { FEEDS, type Feed, feedOf, type Market } from '../core/event.ts';
import { manualTime } from '../core/manual-time.ts';
import type { FeedOptions, Instrument, Venue } from '../core/venue.ts';
import type { RecordedFrame } from '../io/recording.ts';
import { type Batcher, createBatcher } from './batcher.ts';
import { bookJson } from './feed.ts';
import { createIntake, type Intake } from './intake.ts';
import { DEFAULT_TUNING } from './protocol.ts';

/** Ticks stop when the recording has been silent this long. */
const IDLE_US = 60_000_000;
const SECOND_US = 1_000_000;

export interface ReplayPort {
  readonly venues: readonly Venue[];
  options(venue: Venue): FeedOptions;
  /** The symbol that the settings give a venue's id, if they name it. */
  namedSymbol(venue: Venue, id: string, market: Market): string | undefined;
  ingest(batch: Batch): void;
  books(venue: string, books: readonly (readonly [symbol: string, json: string])[]): void;
  tick(nowUs: number): void;
  reject(venue: string, reason: string, text: string, localUs: number): void;
}

export interface ReplayReport {
  readonly frames: number;
  /** Frames of no known venue, by host: connections, what came over them, REST answers. */
  readonly unknown: Readonly<Record<string, number>>;
  readonly venues: Readonly<
    Record<string, { readonly counters: Intake['counters']; readonly symbols: number }>
  >;
}

interface Player {
  readonly venue: Venue;
  readonly intake: Intake;
  readonly batchers: ReadonlyMap<Feed, Batcher>;
  readonly instruments: Map<string, Instrument>;
}

/** Plays the frames in the order given. `pause` is called now and then, so that a writer can keep up. */
export async function replay(
  frames: readonly RecordedFrame[],
  port: ReplayPort,
  pause: () => Promise<void>,
): Promise<ReplayReport> {
  const time = manualTime(frames[0]?.localUs ?? 0);
  const players = new Map<string, Player>();
  /** Who is behind each open connection: a known venue, or a host that is none. */
  const owners = new Map<string, Player | string>();
  const unknown: Record<string, number> = {};
  let nextTickUs = Math.floor((frames[0]?.localUs ?? 0) / SECOND_US) * SECOND_US + SECOND_US;
  let played = 0;

  const strange = (host: string): void => {
    unknown[host] = (unknown[host] ?? 0) + 1;
  };

  const playerOf = (url: string): Player | undefined => {
    const venue = venueOfUrl(port.venues, url);
    if (venue === undefined) return undefined;
    let player = players.get(venue.id);
    if (player === undefined) {
      player = createPlayer(venue, port, time);
      players.set(venue.id, player);
    }
    return player;
  };

  /** Ticks at whole seconds of receipt time, until the recording has been idle for a minute. */
  const passTo = (us: number): void => {
    const lastTickUs = Math.min(us, time.wallUs() + IDLE_US);
    while (nextTickUs <= lastTickUs) {
      time.advanceTo(nextTickUs);
      port.tick(nextTickUs);
      nextTickUs += SECOND_US;
    }
    nextTickUs = Math.max(nextTickUs, Math.floor(us / SECOND_US) * SECOND_US + SECOND_US);
    time.advanceTo(us);
  };

  for (const frame of frames) {
    passTo(frame.localUs);
    play(frame, playerOf, owners, strange);
    played += 1;
    if (played % 2_000 === 0) await pause();
  }
  for (const player of players.values()) for (const batcher of player.batchers.values()) batcher.flush();
  passTo(time.wallUs() + IDLE_US);
  for (const { venue, intake } of players.values()) {
    const symbols = intake.symbols();
    const books = [...intake.books()].map(
      ([symbol, sync]) => [symbol, bookJson(sync, symbols.get(symbol)?.lastLocalUs ?? 0)] as const,
    );
    if (books.length > 0) port.books(venue.id, books);
  }
  return {
    frames: played,
    unknown,
    venues: Object.fromEntries(
      [...players].map(([id, { intake }]) => [
        id,
        { counters: intake.counters, symbols: intake.symbols().size },
      ]),
    ),
  };
}

function play(
  frame: RecordedFrame,
  playerOf: (url: string) => Player | undefined,
  owners: Map<string, Player | string>,
  strange: (host: string) => void,
): void {
  const { connection } = frame;
  const owner = owners.get(connection) ?? '(no connect)';
  switch (frame.kind) {
    case 'connect': {
      const player = playerOf(frame.url);
      owners.set(connection, player ?? hostOf(frame.url));
      return player === undefined ? strange(hostOf(frame.url)) : player.intake.open(connection, frame.url);
    }
    case 'close': {
      if (typeof owner !== 'string') owner.intake.close(connection);
      owners.delete(connection);
      return;
    }
    case 'recv':
      return typeof owner === 'string'
        ? strange(owner)
        : owner.intake.frame(connection, frame.text, frame.localUs);
    case 'http': {
      const player = playerOf(frame.url);
      return player === undefined ? strange(hostOf(frame.url)) : playAnswer(frame, player);
    }
  }
}

/** A REST answer: a snapshot for a book, or the venue's list of instruments. */
function playAnswer(frame: RecordedFrame, player: Player): void {
  const answer = player.venue.rest.recognise(frame.url);
  const { counters } = player.intake;
  if (answer === null) return counters.ignore('http (not recorded)');
  if (answer.kind === 'instruments') {
    const read = player.venue.rest.readInstruments(frame.text, answer.market);
    if (!read.ok) return counters.ignore(`http ${read.error.code}`);
    for (const one of read.value) player.instruments.set(`${one.market} ${one.id}`, one);
    return;
  }
  const symbol = symbolFor(player, answer.id, answer.market, undefined);
  const read = player.venue.rest.readDepth(
    frame.text,
    { symbol, id: answer.id, market: answer.market },
    frame.localUs,
  );
  if (read.ok) player.intake.snapshot(read.value);
  else counters.ignore(`http ${read.error.code}`);
}

/** By the settings, else by the instruments answer in the recording, else by the venue's rule, else its own id. */
function symbolFor(player: Player, id: string, market: Market, named: string | undefined): string {
  return (
    named ?? player.instruments.get(`${market} ${id}`)?.symbol ?? player.venue.symbolOf(id, market) ?? id
  );
}

function createPlayer(venue: Venue, port: ReplayPort, time: ReturnType<typeof manualTime>): Player {
  const batchers = new Map(
    FEEDS.map((feed) => {
      const batcher = createBatcher({
        venue: venue.id,
        feed,
        clock: time,
        delayMs: DEFAULT_TUNING.batchDelayMs,
        maxEvents: DEFAULT_TUNING.batchEvents,
        maxBytes: DEFAULT_TUNING.batchBytes,
        queueBytes: Number.POSITIVE_INFINITY,
        send: port.ingest,
      });
      batcher.credit(Number.POSITIVE_INFINITY);
      return [feed, batcher] as const;
    }),
  );
  const player: Player = {
    venue,
    batchers,
    instruments: new Map(),
    intake: createIntake(venue, new Set(FEEDS), port.options(venue), {
      symbolOf: (id, market) => symbolFor(player, id, market, port.namedSymbol(venue, id, market)),
      emit: (event, top, place) => void batchers.get(feedOf(event))?.add(event, top, place),
      // What a live run asked for stands in the recording; nothing is asked here.
      needSnapshot: () => undefined,
      lost: () => undefined,
      drift: () => undefined,
      reject: (reason, text, localUs) => port.reject(venue.id, reason, text, localUs),
      said: () => undefined,
    }),
  };
  return player;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '(no url)';
}

/** By the host; a recording of the simulator has the venue's id as the first part of its path. */
function venueOfUrl(venues: readonly Venue[], url: string): Venue | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  const known = venues.find((venue) =>
    venue.hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`)),
  );
  return known ?? venues.find((venue) => pathname.startsWith(`/${venue.id}/`));
}
