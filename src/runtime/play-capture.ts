/**
 * Our own captures of one feed: each line does to the intake what it did when it was recorded, in the same order. So
 * the rows are the same. Every run of the thread began with nothing, and so does every run here.
 */

import type { CaptureHeader } from '../core/capture.ts';
import type { ManualTime } from '../core/manual-time.ts';
import type { Venue } from '../core/venue.ts';
import type { RecordedFrame, RecordedNote } from '../io/recording.ts';
import type { CapturedPart } from '../io/recordings.ts';
import type { Batcher } from './batcher.ts';
import { addCounters, type Counters, createCounters } from './counters.ts';
import { createInstrumentSet, type InstrumentSet } from './instrument-set.ts';
import { createIntake, type Intake } from './intake.ts';
import { createKeptBooks, type KeptBooks } from './kept-books.ts';
import { type Player, type ReplayPort, replayBatcher } from './player.ts';
import type { HoleEnds } from './trade-page.ts';

interface Run {
  readonly header: CaptureHeader;
  readonly venue: Venue;
  readonly intake: Intake;
  readonly batcher: Batcher;
  readonly keptBooks: KeptBooks;
  readonly instruments: InstrumentSet;
  readonly connections: Set<string>;
  /** What the next page of past trades is to fill. */
  hole: HoleEnds | null;
}

/** What a note of the recorder does. Of the others (`start`, `stop`, `dropped`) nothing is to be done. */
const NOTES: Readonly<Record<string, (run: Run, note: RecordedNote, port: ReplayPort) => void>> = {
  resync: ({ intake }, { symbol, reason }) => intake.resync(symbol, reason),
  rotate: ({ intake, header }, { symbol }) => intake.rotate(header.feed, symbol),
  seen: ({ intake }, { symbol, ids }) => intake.seen(symbol, ids.split(' ')),
  instruments(run, { instruments }, port) {
    const dropped = run.instruments.replace(instruments).removed.map(({ symbol }) => symbol);
    run.batcher.flush();
    for (const symbol of dropped)
      for (const memory of [run.intake, run.batcher, run.keptBooks]) memory.forget(symbol);
    port.dropped(run.header.venue, run.header.feed, dropped);
  },
};

/** Every venue of the captures is one of the port's. */
export function createCapturePlayer(port: ReplayPort, time: ManualTime): Player {
  const totals = new Map<string, { readonly counters: Counters; readonly symbols: Set<string> }>();
  let run: Run | null = null;
  /** Events that the moment at work has given, and which of them were lost when it was recorded. */
  let given = 0;
  let lost: readonly number[] = [];

  const begin = (header: CaptureHeader): Run | null => {
    const venue = port.venues.find((one) => one.id === header.venue);
    if (venue === undefined) return null;
    const instruments = createInstrumentSet(header.instruments);
    const batcher = replayBatcher(venue, header.feed, time, port);
    const keptBooks = createKeptBooks();
    const intake = createIntake(venue, new Set([header.feed]), header.options, {
      symbolOf: (id, market) => instruments.byId(id, market)?.symbol,
      isGone: instruments.isGone,
      emit(event, top, place) {
        given += 1;
        if (event.type === 'book') keptBooks.changed(event.symbol);
        const isLost = lost.includes(given);
        if (isLost) intake.counters.events -= 1;
        return !isLost && batcher.add(event, top, place) === 'taken';
      },
      unjoined: () => undefined,
      // What was asked for stands in the capture; nothing is asked here.
      needSnapshot: () => undefined,
      lost: (symbol) => keptBooks.changed(symbol),
      drift: () => undefined,
      reject: (reason, text, localUs) => port.reject(scopeOf(header), reason, text, localUs),
      said: () => undefined,
    });
    return { header, venue, intake, batcher, keptBooks, instruments, connections: new Set(), hole: null };
  };

  const end = (): void => {
    if (run === null) return;
    run.batcher.flush();
    const scope = scopeOf(run.header);
    const total = totals.get(scope) ?? { counters: createCounters(), symbols: new Set() };
    addCounters(total.counters, run.intake.counters);
    for (const symbol of run.intake.symbols().keys()) total.symbols.add(symbol);
    totals.set(scope, total);
  };

  const onPart = ({ header, missing }: CapturedPart): void => {
    if (run === null || run.header.runUs !== header.runUs || scopeOf(run.header) !== scopeOf(header)) {
      end();
      run = begin(header);
    }
    if (run === null) return;
    const { intake, connections } = run;
    if (missing > 0) for (const symbol of intake.books().keys()) intake.resync(symbol, 'lines are missing');
    // A replay can begin with any part, and lines that are missing can have been of connections.
    const open = new Map(header.connections.map(({ conn, addr }) => [conn, addr] as const));
    for (const conn of [...connections]) if (!open.has(conn)) disconnect(run, conn);
    for (const [conn, addr] of open) if (!connections.has(conn)) connect(run, conn, addr);
  };

  const onFrame = (to: Run, frame: RecordedFrame): void => {
    switch (frame.kind) {
      case 'connect':
        return connect(to, frame.connection, frame.url);
      case 'close':
        return disconnect(to, frame.connection);
      case 'recv':
        return to.intake.frame(frame.connection, frame.text, frame.localUs);
      case 'http':
        return playAnswer(to, frame);
    }
  };

  return {
    play(moment) {
      const { line } = moment;
      given = 0;
      lost = moment.lost;
      if (line.kind === 'part') onPart(line);
      else if (run !== null && line.kind === 'note' && line.what === 'hole') run.hole = endsOf(line.ids);
      else if (run !== null && line.kind === 'note') NOTES[line.what]?.(run, line, port);
      else if (run !== null && line.kind !== 'note') onFrame(run, line);
    },
    flush: () => run?.batcher.flush(),
    books() {
      const books = run?.keptBooks.take(run.intake) ?? [];
      if (run !== null && books.length > 0) port.books(run.header.venue, books);
    },
    played() {
      end();
      run = null;
      return [...totals].map(([scope, total]) => ({ scope, ...total }));
    },
  };
}

function endsOf(ids: string): HoleEnds {
  const [after = '', before = null] = ids.split(' ');
  return { after, before };
}

const scopeOf = ({ venue, feed }: CaptureHeader): string => `${venue}.${feed}`;

function connect({ intake, connections }: Run, connection: string, url: string): void {
  connections.add(connection);
  intake.open(connection, url);
}

function disconnect({ intake, connections }: Run, connection: string): void {
  connections.delete(connection);
  intake.close(connection);
}

function playAnswer({ header, venue, intake, instruments, hole }: Run, frame: RecordedFrame): void {
  const answer = venue.rest.recognise(frame.url);
  const located =
    answer === null || answer.kind === 'instruments' ? undefined : instruments.byId(answer.id, answer.market);
  if (located === undefined) return intake.counters.ignore('http (not recorded)');
  if (frame.connection === 'backfill' && hole !== null)
    return void intake.filled(located, hole, frame.text, frame.localUs);
  if (frame.connection === 'poll') return void intake.polled(header.feed, located, frame.text, frame.localUs);
  const read = venue.rest.readDepth(frame.text, located, frame.localUs);
  if (read.ok) intake.snapshot(read.value);
  else intake.counters.ignore(`http ${read.error.code}`);
}
