/** Other people's recordings: whose a frame is, which feed it belongs to and how it is named must be found out. */

import { FEEDS, type Feed, feedOf, type Market } from '../core/event.ts';
import type { ManualTime } from '../core/manual-time.ts';
import type { Instrument, Venue } from '../core/venue.ts';
import type { RecordedFrame } from '../io/recording.ts';
import type { Batcher } from './batcher.ts';
import { createIntake, type Intake } from './intake.ts';
import { bookJson } from './kept-books.ts';
import { type Player, type ReplayPort, replayBatcher } from './player.ts';

interface VenuePlayer {
  readonly venue: Venue;
  readonly intake: Intake;
  readonly batchers: ReadonlyMap<Feed, Batcher>;
  readonly instruments: Map<string, Instrument>;
}

/** `strange`: told of each frame of no known venue, by host. */
export function createRecordingPlayer(
  port: ReplayPort,
  time: ManualTime,
  strange: (host: string) => void,
): Player {
  const players = new Map<string, VenuePlayer>();
  /** Who is behind each open connection: a known venue, or a host that is none. */
  const owners = new Map<string, VenuePlayer | string>();

  const playerOf = (url: string): VenuePlayer | undefined => {
    const venue = venueOfUrl(port.venues, url);
    if (venue === undefined) return undefined;
    let player = players.get(venue.id);
    if (player === undefined) {
      player = createVenuePlayer(venue, port, time);
      players.set(venue.id, player);
    }
    return player;
  };

  const play = (frame: RecordedFrame): void => {
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
  };

  return {
    play({ line }) {
      if (line.kind !== 'part' && line.kind !== 'note') play(line);
    },
    flush() {
      for (const { batchers } of players.values()) for (const batcher of batchers.values()) batcher.flush();
    },
    books() {
      for (const { venue, intake } of players.values()) {
        const symbols = intake.symbols();
        const books = [...intake.books()].map(
          ([symbol, sync]) => [symbol, bookJson(sync, symbols.get(symbol)?.lastLocalUs ?? 0)] as const,
        );
        if (books.length > 0) port.books(venue.id, books);
      }
    },
    played: () =>
      [...players].map(([scope, { intake }]) => ({
        scope,
        counters: intake.counters,
        symbols: new Set(intake.symbols().keys()),
      })),
  };
}

/** A REST answer: a snapshot for a book, the venue's list of instruments, or what was polled. */
function playAnswer(frame: RecordedFrame, player: VenuePlayer): void {
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
  const located = { symbol, id: answer.id, market: answer.market };
  if (answer.kind !== 'depth' || player.venue.bookRule(answer.market).snapshot !== 'rest') {
    const feed = answer.kind === 'depth' ? 'orderbook' : answer.kind;
    return void player.intake.polled(feed, located, frame.text, frame.localUs);
  }
  const read = player.venue.rest.readDepth(frame.text, located, frame.localUs);
  if (read.ok) player.intake.snapshot(read.value);
  else counters.ignore(`http ${read.error.code}`);
}

/** By the settings, else by the instruments answer in the recording, else by the venue's rule, else its own id. */
function symbolFor(player: VenuePlayer, id: string, market: Market, named: string | undefined): string {
  return (
    named ?? player.instruments.get(`${market} ${id}`)?.symbol ?? player.venue.symbolOf(id, market) ?? id
  );
}

function createVenuePlayer(venue: Venue, port: ReplayPort, time: ManualTime): VenuePlayer {
  const batchers = new Map(FEEDS.map((feed) => [feed, replayBatcher(venue, feed, time, port)] as const));
  const player: VenuePlayer = {
    venue,
    batchers,
    instruments: new Map(),
    intake: createIntake(venue, new Set(FEEDS), port.options(venue), {
      symbolOf: (id, market) => symbolFor(player, id, market, port.namedSymbol(venue, id, market)),
      emit: (event, top, place) => batchers.get(feedOf(event))?.add(event, top, place) === 'taken',
      unjoined: () => undefined,
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
