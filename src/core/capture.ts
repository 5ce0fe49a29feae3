/** The raw record of one feed, as types: every frame before it is parsed, and what a replay cannot infer from frames. */

import type { Feed } from './event.ts';
import type { FeedOptions, Located } from './venue.ts';

/** Of the lines and their headers. A reader refuses any other. */
export const CAPTURE_SCHEMA = 1;

export interface OpenConnection {
  readonly conn: string;
  readonly addr: string;
}

/** What is recorded, and how. */
export interface CaptureSubject {
  /** Of the program. */
  readonly version: string;
  readonly venue: string;
  readonly feed: Feed;
  readonly options: FeedOptions;
  readonly instruments: readonly Located[];
}

/** The first line of each part: a replay needs nothing beside the lines that follow. */
export interface CaptureHeader extends CaptureSubject {
  /** When this run of the thread began, µs: its id. */
  readonly runUs: number;
  /** From 1, within the run. */
  readonly part: number;
  /** Lines of the run before this part, headers not counted, those that were dropped included. */
  readonly line: number;
  /** The connections that were open before its first line. */
  readonly connections: readonly OpenConnection[];
}

export interface CaptureStatus {
  /** It cannot be written now. */
  readonly failing: boolean;
  readonly files: number;
  /** On disk, compressed. */
  readonly bytes: number;
  /** Lines that were lost because they could not be written. */
  readonly dropped: number;
  readonly errors: number;
  readonly last_error: string | null;
}

/** Takes lines in the order in which things happened. Never throws, never waits for the disk. */
export interface Capture {
  connect(connection: string, url: string): void;
  send(connection: string, text: string): void;
  /** `localUs`: as the row of it will say. */
  recv(connection: string, text: string, localUs: number): void;
  /** A REST answer, at the moment when it is applied: as a poll's, or to join a book. */
  http(way: 'poll' | 'rest' | 'backfill', url: string, text: string, localUs: number): void;
  disconnect(connection: string, reason: string): void;
  /** Something of our own doing: `start`, `stop`, `resync`, … with what a replay needs to do it too. */
  note(what: string, more?: Readonly<Record<string, string | number>>): void;
  /** These and no others are recorded from here on: a note, and what later headers say. */
  instruments(next: readonly Located[]): void;
  /** The disk is full: what comes waits, within its bound, until there is room again. */
  hold(on: boolean): void;
  status(): CaptureStatus;
  /** Resolves when everything is on disk, or has failed and is counted. */
  close(): Promise<void>;
}
