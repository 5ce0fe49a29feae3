/**
 * Which file a row belongs to. A file holds the rows of one UTC day of receipt; the fetcher says where a new one
 * begins, since only it can begin a book's file with a snapshot.
 */

import { FEEDS, type Feed } from '../core/event.ts';
import { utcDay } from '../core/time.ts';

/** The clock must go back this far behind the day's start before an earlier day's file is begun: slewing is no step. */
const SLACK_US = 60_000_000;

export interface Place {
  /** `2026-11-21`; empty before the first row. */
  day: string;
  /** The next row begins a new file. */
  begins: boolean;
  startUs: number;
  endUs: number;
  /** A new file was asked for: the one at hand is large, or not to be trusted. */
  asked: boolean;
}

export interface Places {
  of(feed: Feed, symbol: string): Place;
  /** The symbol's next row begins a new file. */
  ask(feed: Feed, symbol: string): void;
  forget(symbol: string): void;
}

export function createPlaces(): Places {
  const byFeed = new Map(FEEDS.map((feed) => [feed, new Map<string, Place>()] as const));
  const of = (feed: Feed, symbol: string): Place => {
    const places = byFeed.get(feed) as Map<string, Place>;
    let place = places.get(symbol);
    if (place === undefined) {
      place = { day: '', begins: false, startUs: 0, endUs: 0, asked: false };
      places.set(symbol, place);
    }
    return place;
  };
  return {
    of,
    ask(feed, symbol) {
      of(feed, symbol).asked = true;
    },
    forget(symbol) {
      for (const places of byFeed.values()) places.delete(symbol);
    },
  };
}

/** True when something received at `localUs` belongs into another file than the row before it. */
export function isTurn(place: Place, localUs: number): boolean {
  return place.asked || localUs >= place.endUs || localUs < place.startUs - SLACK_US;
}

/** Turns to the file of `localUs`. The first row of all goes on with whatever file is there for its day. */
export function turn(place: Place, localUs: number): void {
  const { name, startUs, endUs } = utcDay(localUs);
  place.begins = place.asked || place.day !== '';
  place.asked = false;
  place.day = name;
  place.startUs = startUs;
  place.endUs = endUs;
}
