/** One client's connection: what it is sent, and what goes wrong on the way. */

import type { Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { JournalEntry, SimFrame, SimRequest, SimSession } from '../core/sim.ts';
import { broken } from './answers.ts';
import { type Armed, type Faults, matches, type Target } from './armed.ts';
import type { Fault, FaultKind, FaultOf } from './faults.ts';
import type { Note } from './journal.ts';
import type { Place } from './place.ts';

/** The other end of a connection, as a server has it. */
export interface Peer {
  send(text: string): void;
  ping(): void;
  close(code: number, reason: string): void;
  /** Breaks it off, without a word. */
  terminate(): void;
  isOpen(): boolean;
  /** What waits to be read by it. */
  unreadBytes(): number;
}

export interface Client {
  readonly id: string;
  readonly place: Place;
  readonly request: SimRequest;
  readonly session: SimSession;
  readonly peer: Peer;
  readonly openedMs: number;
  pingDueMs: number;
  /** When it is closed, after a notice. */
  ending: { readonly dueMs: number; readonly code: number } | null;
  /** `sent` counts market messages. */
  send(frames: readonly SimFrame[]): void;
  /** Sends what was held back and is due now. */
  step(): void;
  /** Whether a fault that names this path, or a stream that was sent here, is meant. */
  isMeant(fault: Fault): boolean;
  /** A line for a fault that struck here. */
  tell(armed: Armed, what?: object): void;
  close(code: number | undefined, reason: string): void;
  /** It is closed: what was held back was never sent. */
  ended(): void;
}

export interface ClientOptions {
  readonly id: string;
  readonly place: Place;
  readonly request: SimRequest;
  /** With its query. */
  readonly path: string;
  readonly session: SimSession;
  readonly peer: Peer;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly note: Note;
  readonly unreadBytes: number;
  onSent(): void;
}

const MESSAGE_KINDS = [
  ...(['drop', 'duplicate', 'delay', 'malformed', 'unknown_field', 'unknown_kind', 'oversized'] as const),
] as const;
/** A client takes frames of 16 MB at most. */
const OVERSIZED_BYTES = 16 * 1024 * 1024 + 1024;

type Fate = 'open' | 'oversized';

export function createClient(options: ClientOptions): Client {
  const { id, place, request, path, session, peer, clock, faults, note, unreadBytes, onSent } = options;
  const venue = place.venue.id;
  let stalls: readonly Armed<FaultOf<'stall'>>[] = [];
  /** What comes late, in order: nothing overtakes it. */
  const late: { readonly frame: SimFrame; readonly dueMs: number }[] = [];
  /** A message that waits for the next of its symbol and feed, by both. */
  const held = new Map<string, SimFrame>();
  /** What was sent here, known from the first fault on. */
  const carried = new Map<string, Target>();
  let fate: Fate = 'open';

  const tell = (armed: Armed, what: object = {}): void =>
    note(venue, id, { fault: { id: armed.id, ...armed.fault, ...what } });

  const withhold = ({ journal }: SimFrame, withheld: FaultKind): void => {
    for (const entry of journal) note(venue, id, { ...entry, withheld });
  };

  const deliver = (frame: SimFrame, more: object | null = null): void => {
    if (fate !== 'open') return withhold(frame, fate);
    peer.send(frame.text);
    if (frame.journal.length > 0) onSent();
    for (const entry of frame.journal) note(venue, id, more === null ? entry : { ...entry, ...more });
  };

  /** Behind what is late already. */
  const release = (frame: SimFrame): void => {
    const last = late.at(-1);
    if (last === undefined) deliver(frame);
    else late.push({ frame, dueMs: last.dueMs });
  };

  const isStalled = (target: Target | null): boolean => {
    if (stalls.length === 0) return false;
    stalls = stalls.filter((stall) => stall.lasts());
    return stalls.some(({ fault }) => (target === null ? fault.silent === true : matches(fault, target)));
  };

  const spoil = (frame: SimFrame, { fault }: Armed<FaultOf<(typeof MESSAGE_KINDS)[number]>>): void => {
    const beside = (text: string): void => release({ text, journal: [] });
    switch (fault.kind) {
      case 'drop':
        return withhold(frame, 'drop');
      case 'duplicate':
        release(frame);
        return late.length > 0 ? release(frame) : deliver(frame, { doubled: 'duplicate' });
      case 'delay': {
        const dueMs = Math.max(clock.monoMs() + fault.delaySec * 1000, late.at(-1)?.dueMs ?? 0);
        late.push({ frame, dueMs });
        return;
      }
      case 'malformed':
        if (fault.beside) release(frame);
        else withhold(frame, 'malformed');
        return beside(broken(frame.text));
      case 'unknown_field':
        return release({ ...frame, text: frame.text.replaceAll(/\{(?=")/g, '{"simulated_field":[0],') });
      case 'unknown_kind':
        release(frame);
        return beside(place.venue.sim.faults?.unknownKind(path, place.market.view.nowUs()) ?? '{}');
      case 'oversized':
        // What comes after it the client does not read.
        for (const { frame: waiting } of late.splice(0)) deliver(waiting);
        deliver(frame);
        peer.send(oversized());
        fate = 'oversized';
    }
  };

  /** A message of the market while faults are on, or their effects last. */
  const strike = (frame: SimFrame, [entry]: readonly JournalEntry[]): void => {
    if (entry === undefined) return;
    const { symbol, feed } = entry;
    const target: Target = { venue, path, symbol, feed };
    const key = `${feed} ${symbol}`;
    carried.set(key, target);
    if (isStalled(target)) return withhold(frame, 'stall');
    const isHere = (fault: Fault): boolean => matches(fault, target);
    const stall = faults.strike(['stall'], isHere);
    if (stall !== null) {
      stalls = [...stalls, stall];
      tell(stall, { symbol, feed });
      return withhold(frame, 'stall');
    }
    const before = held.get(key);
    const reorder = before === undefined ? faults.strike(['reorder'], isHere) : null;
    if (reorder !== null) {
      tell(reorder, { symbol, feed });
      held.set(key, frame);
      return;
    }
    const armed = faults.strike(MESSAGE_KINDS, isHere);
    if (armed === null) release(frame);
    else {
      tell(armed, { symbol, feed });
      spoil(frame, armed);
    }
    if (before === undefined) return;
    held.delete(key);
    release(before);
  };

  return {
    ...{ id, place, request, session, peer, openedMs: clock.monoMs() },
    pingDueMs: clock.monoMs() + (session.pingMs ?? 0),
    ending: null,
    tell,
    send(frames) {
      for (const frame of frames) {
        if (!peer.isOpen()) return;
        const isPlain = !faults.any() && stalls.length === 0 && held.size === 0 && late.length === 0;
        if (isPlain) deliver(frame);
        else if (frame.journal.length > 0) strike(frame, frame.journal);
        else if (!isStalled(null)) release(frame);
      }
      if (peer.unreadBytes() <= unreadBytes) return;
      note(venue, id, { cut: 'the client does not read', unread_bytes: peer.unreadBytes() });
      peer.terminate();
    },
    step() {
      while (late.length > 0 && (late[0] as { dueMs: number }).dueMs <= clock.monoMs() && peer.isOpen())
        deliver((late.shift() as { frame: SimFrame }).frame);
    },
    isMeant(fault) {
      const isMatched = (feed: Feed | null, symbol: string | null): boolean =>
        matches(fault, { venue, path, symbol, feed });
      return (
        isMatched(null, null) || [...carried.values()].some(({ feed, symbol }) => isMatched(feed, symbol))
      );
    },
    close(code, reason) {
      if (code === undefined) peer.terminate();
      else peer.close(code, reason);
    },
    ended() {
      for (const frame of held.values()) withhold(frame, 'reorder');
      for (const { frame } of late) withhold(frame, 'delay');
      held.clear();
      late.length = 0;
    },
  };
}

let giant: string | null = null;

function oversized(): string {
  giant ??= `{"simulated":"${'0'.repeat(OVERSIZED_BYTES)}"}`;
  return giant;
}
