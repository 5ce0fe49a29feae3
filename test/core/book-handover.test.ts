import { describe, expect, test } from 'vitest';
import { type BookHandover, createBookHandover } from '../../src/core/book-handover.ts';
import { createBookSync } from '../../src/core/book-sync.ts';
import type { BookMessage } from '../../src/core/event.ts';
import { venueById } from '../../src/venues/index.ts';

const LOCAL_US = 1_795_219_200_000_000;

interface Bench {
  readonly handover: BookHandover;
  /** `S10` a snapshot, `+11` a change: the rows. */
  readonly rows: string[];
  readonly lost: string[];
  readonly needs: string[];
  /** At `ms` after the start; whether the message was taken. */
  say(connection: string, message: string, ms?: number): boolean;
  state(): string;
  snapshot(sequence: number): void;
}

/** A book of a venue, and messages in short: `S10`, `+11` (follows 10), `+20<15` (follows 15). */
function bench(venueId: string, market: 'spot' | 'linear' = 'spot'): Bench {
  const rule = venueById(venueId)?.bookRule(market);
  if (rule === undefined) throw new Error('no venue');
  const rows: string[] = [];
  const lost: string[] = [];
  const needs: string[] = [];
  const isNumbered = rule.snapshot !== 'pushed';
  const sync = createBookSync(rule, {
    applied: ({ snapshot, sequence }) => rows.push(`${snapshot ? 'S' : '+'}${sequence}`),
    needSnapshot: (reason) => needs.push(reason),
    lost: (reason) => lost.push(reason),
    drift: () => undefined,
  });
  const handover = createBookHandover(sync, rule);
  const message = (text: string, ms: number): BookMessage => {
    const [, kind, at = '0', before] = /^([S+])(\d+)(?:<(\d+))?$/.exec(text) ?? [];
    const sequence = Number(at);
    return {
      type: 'book',
      symbol: 'BTC/USDT',
      market,
      timestampUs: LOCAL_US,
      localUs: LOCAL_US + ms * 1000,
      snapshot: kind === 'S',
      sequence: isNumbered ? sequence : null,
      prevSequence: kind === 'S' || !isNumbered ? null : Number(before ?? sequence - 1),
      bids: [[`${100 + sequence}`, '1']],
      asks: [['900', '1']],
    };
  };
  return {
    handover,
    rows,
    lost,
    needs,
    state: sync.state,
    say: (connection, text, ms = 0) => handover.on(connection, message(text, ms)),
    snapshot: (sequence) => sync.on(message(`S${sequence}`, 0)),
  };
}

describe.each(['bybit', 'okx'])('%s: a snapshot is pushed on subscribing', (venue) => {
  const start = () => {
    const at = bench(venue);
    at.say('a', 'S10');
    at.say('a', '+11');
    return at;
  };

  test('the new one is ahead: the old one goes on until both stand at the same number', () => {
    const at = start();
    at.say('b', 'S13');
    at.say('b', '+14');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+11'], 'a']);
    at.say('a', '+12');
    at.say('a', '+13');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+11', '+12', '+13', '+14'], 'b']);
    expect(at.say('a', '+14')).toBe(false);
    at.say('b', '+15');
    expect([at.rows.slice(4), at.lost, at.needs]).toEqual([['+14', '+15'], [], []]);
  });

  test('the new one is behind, and stays so: what it says again is no row', () => {
    const at = start();
    at.say('b', 'S11');
    expect(at.handover.owner()).toBe('b');
    const late = start();
    late.say('b', 'S9');
    late.say('a', '+12');
    late.say('a', '+13');
    for (const known of ['+10', '+11', '+12', '+13']) late.say('b', known);
    expect(late.handover.owner()).toBe('b');
    late.say('a', '+14');
    late.say('b', '+14');
    late.say('b', '+15');
    expect([late.rows, late.lost]).toEqual([['S10', '+11', '+12', '+13', '+14', '+15'], []]);
  });

  test('a quiet book: the same number is enough, and its snapshot is no row', () => {
    const at = start();
    at.say('b', 'S11');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+11'], 'b']);
  });

  test('numbers that never meet: joined anew on the new one after 5 s of messages', () => {
    const at = start();
    at.say('b', 'S500', 1_000);
    at.say('a', '+12', 5_900);
    expect(at.lost).toEqual([]);
    at.say('b', '+501', 6_100);
    expect([at.lost, at.rows, at.handover.owner()]).toEqual([
      ['handover'],
      ['S10', '+11', '+12', 'S500', '+501'],
      'b',
    ]);
    expect(at.needs).toEqual([]);
  });

  test('the venue begins its numbers anew on the new one: the first row that follows is that snapshot', () => {
    const at = start();
    at.say('b', 'S11');
    at.say('b', '+12');
    at.say('b', 'S1');
    at.say('b', '+2');
    expect(at.rows).toEqual(['S10', '+11', '+12', 'S1', '+2']);
  });

  test('changes of the new one before its snapshot count for nothing', () => {
    const at = start();
    at.say('b', '+12');
    expect(at.handover.owner()).toBe('a');
    at.say('a', '+12');
    at.say('b', 'S12');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+11', '+12'], 'b']);
  });

  test('a book that the old one has lost is taken from the new one at its snapshot', () => {
    const at = start();
    at.say('a', '+13');
    at.say('b', 'S20');
    at.say('b', '+21');
    expect([at.rows, at.lost.length, at.state()]).toEqual([['S10', '+11', 'S20', '+21'], 1, 'synced']);
  });

  test('the old one ends before they meet: joined anew from what was kept', () => {
    const at = start();
    at.say('b', 'S13');
    at.say('b', '+14');
    at.handover.closed('a', 'b', 'disconnect');
    at.say('b', '+15');
    expect([at.rows.slice(2), at.lost]).toEqual([['S13', '+14', '+15'], ['disconnect']]);
  });

  test('the old one ends, and nothing of the new one is there: lost, as without a new one', () => {
    const at = start();
    at.handover.closed('a', 'b', 'disconnect');
    expect([at.lost, at.state()]).toEqual([['disconnect'], 'resyncing']);
  });

  test('the new one ends before they meet: the old one goes on', () => {
    const at = start();
    at.say('b', 'S13');
    at.handover.closed('b', 'a', 'disconnect');
    at.say('a', '+12');
    expect([at.rows, at.lost, at.handover.owner()]).toEqual([['S10', '+11', '+12'], [], 'a']);
  });

  test('the new one ends after it: the book is lost, and the old one may feed it again', () => {
    const at = start();
    at.say('b', 'S11');
    expect(at.say('a', '+12')).toBe(false);
    at.handover.closed('b', 'a', 'disconnect');
    at.say('a', 'S30');
    expect([at.rows, at.lost, at.handover.owner()]).toEqual([['S10', '+11', 'S30'], ['disconnect'], 'a']);
  });
});

describe('books of snapshots alone (okx books5)', () => {
  test('go over when both have given the same one', () => {
    const at = bench('okx');
    at.say('a', 'S10');
    at.say('b', 'S12');
    at.say('a', 'S11');
    at.say('a', 'S12');
    expect(at.say('a', 'S13')).toBe(false);
    at.say('b', 'S13');
    expect([at.rows, at.lost]).toEqual([['S10', 'S11', 'S12', 'S13'], []]);
  });
});

describe.each(['spot', 'linear'] as const)('binance %s: snapshots come by REST', (market) => {
  /** USD-M numbers lie apart: each change names the one before. */
  const start = () => {
    const at = bench('binance', market);
    at.say('a', '+20<10');
    at.snapshot(10);
    at.say('a', '+30<20');
    return at;
  };

  test('goes over where the first change of the new one follows what the old one said last', () => {
    const at = start();
    at.say('b', '+40<30');
    expect(at.say('a', '+40<30')).toBe(false);
    at.say('b', '+50<40');
    expect([at.rows, at.lost, at.needs.length]).toEqual([['S10', '+20', '+30', '+40', '+50'], [], 1]);
  });

  test('the new one has missed one: the old one goes on until it stands there too', () => {
    const at = start();
    at.say('b', '+50<40');
    at.say('a', '+40<30');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+20', '+30', '+40', '+50'], 'b']);
    expect(at.say('a', '+50<40')).toBe(false);
  });

  test('the new one is behind: what it says again is no row', () => {
    const at = start();
    at.say('b', '+30<20');
    at.say('a', '+40<30');
    at.say('b', '+40<30');
    at.say('b', '+50<40');
    expect([at.rows, at.lost]).toEqual([['S10', '+20', '+30', '+40', '+50'], []]);
  });

  test('a quiet one is handed on at the close: the next change proves that nothing was missed', () => {
    const at = start();
    at.handover.closed('a', 'b', 'disconnect');
    expect([at.lost, at.state(), at.handover.owner()]).toEqual([[], 'synced', 'b']);
    at.say('b', '+40<30');
    expect([at.rows.at(-1), at.lost]).toEqual(['+40', []]);
    const missed = start();
    missed.handover.closed('a', 'b', 'disconnect');
    missed.say('b', '+50<40');
    expect([missed.rows.at(-1), missed.lost]).toEqual(['+30', ['sequence: 30 is followed by 40']]);
  });

  test('numbers that never meet: joined anew, from a snapshot that is asked for', () => {
    const at = start();
    at.say('b', '+900<890', 0);
    at.say('a', '+40<30', 5_001);
    expect([at.lost, at.needs.length, at.handover.owner()]).toEqual([['handover'], 2, 'b']);
    at.snapshot(890);
    at.say('b', '+910<900', 5_002);
    expect(at.rows.slice(3)).toEqual(['+40', 'S890', '+900', '+910']);
  });

  test('a book that waits for its snapshot stays with the old one', () => {
    const at = bench('binance', market);
    at.say('a', '+20<10');
    at.say('b', '+30<20');
    expect(at.handover.owner()).toBe('a');
    at.snapshot(10);
    at.say('a', '+30<20');
    expect([at.rows, at.handover.owner()]).toEqual([['S10', '+20', '+30'], 'b']);
  });
});

describe('bitflyer numbers nothing', () => {
  test('goes over at the first pushed snapshot of the new one, as a resync', () => {
    const at = bench('bitflyer');
    at.say('a', 'S1');
    at.say('a', '+2');
    at.say('b', '+3');
    expect(at.rows).toEqual(['S0', '+1']);
    at.say('b', 'S4');
    expect(at.say('a', '+5')).toBe(false);
    at.say('b', '+5');
    expect([at.rows, at.lost]).toEqual([['S0', '+1', 'S1', '+2'], ['handover']]);
  });
});
