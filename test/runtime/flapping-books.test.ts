/** Books that break again and again, where the venue counts how often they are subscribed: OKX, 480 requests an hour. */

import { expect, test } from 'vitest';
import { type PlayedFeed, playFeed } from '../support/feed.ts';

interface Request {
  readonly op: string;
  readonly args: readonly { readonly instId: string }[];
}

interface Played extends PlayedFeed {
  /**
   * A second: connections open, each new subscription is answered with a snapshot; then each of these books breaks
   * where it stands, and the others go on.
   */
  second(broken?: readonly string[]): void;
  /** What was said of a book, in seconds. */
  asked(op: 'subscribe' | 'unsubscribe', id: string): readonly number[];
}

function play(symbols: readonly string[]): Played {
  const played = playFeed('okx', 'orderbook', symbols);
  const ids = symbols.map((symbol) => symbol.replace('/', '-'));
  const said: { readonly sec: number; readonly op: string; readonly id: string }[] = [];
  const heard = new Map<number, number>();
  const stands = new Map<string, number>();
  let sequence = 100;
  const book = (at: number, id: string, action: string, prevSeqId: number): void => {
    const data = [{ asks: [['2', '1', '0', '1']], bids: [['1', '1', '0', '1']], ts: '1795219200218' }];
    const told = data.map((one) => ({ ...one, checksum: 1, seqId: sequence, prevSeqId }));
    const frame = { arg: { channel: 'books', instId: id }, action, data: told };
    played.sources[at]?.handlers.onFrame(JSON.stringify(frame), played.clock.wallUs());
  };

  const serve = (at: number): void => {
    const source = played.sources[at];
    if (source === undefined || source.closes.length > 0) return;
    const from = heard.get(at);
    if (from === undefined) source.handlers.onOpen();
    source.handlers.onSign();
    const texts = source.sent.slice(from ?? 0).filter((text) => text !== 'ping');
    heard.set(at, source.sent.length);
    for (const text of texts) {
      const { op, args } = JSON.parse(text) as Request;
      for (const { instId } of args) {
        said.push({ sec: Math.round(played.clock.monoMs() / 1_000), op, id: instId });
        const key = `${at} ${instId}`;
        if (op === 'unsubscribe') stands.delete(key);
        else {
          sequence += 1;
          const ack = { event: 'subscribe', arg: { channel: 'books', instId } };
          source.handlers.onFrame(JSON.stringify(ack), played.clock.wallUs());
          book(at, instId, 'snapshot', -1);
          stands.set(key, sequence);
        }
      }
    }
  };

  const tell = (at: number, broken: readonly string[]): void => {
    if ((played.sources[at]?.closes.length ?? 1) > 0) return;
    for (const id of ids) {
      const key = `${at} ${id}`;
      const last = stands.get(key);
      if (last === undefined) continue;
      sequence += 2;
      book(at, id, 'update', broken.includes(id) ? last + 1 : last);
      stands.set(key, sequence);
    }
  };

  return Object.assign(played, {
    second(broken: readonly string[] = []) {
      played.run.credit(1_000);
      played.clock.advance(1_000);
      for (const at of played.sources.keys()) serve(at);
      for (const at of played.sources.keys()) tell(at, broken);
    },
    asked: (op: string, id: string) =>
      said.filter((one) => one.op === op && one.id === id).map(({ sec }) => sec),
  });
}

const gapsOf = (seconds: readonly number[]): readonly number[] =>
  seconds.slice(1).map((sec, index) => sec - (seconds[index] ?? 0));

test('one that breaks at once each time is asked for ever less often, and leaves the others their requests', () => {
  const at = play(['BTC/USDT', 'ETH/USDT']);
  for (let s = 0; s < 3_400; s++) at.second(['BTC-USDT']);
  const subscribed = at.asked('subscribe', 'BTC-USDT');
  expect(
    gapsOf(subscribed)
      .slice(0, 2)
      .every((sec) => sec <= 3),
  ).toBe(true);
  const later = gapsOf(subscribed).slice(2);
  expect(later.slice(0, 5).map((sec) => Math.round(sec / 5) * 5)).toEqual([5, 10, 20, 40, 60]);
  expect(later.slice(5).every((sec) => sec >= 60 && sec <= 63)).toBe(true);
  const brokeSec = at.clock.monoMs() / 1_000 + 1;
  at.second(['BTC-USDT', 'ETH-USDT']);
  for (let s = 0; s < 3; s++) at.second(['BTC-USDT']);
  const [, again = 0, ...more] = at.asked('subscribe', 'ETH-USDT');
  expect([again - brokeSec <= 2, more]).toEqual([true, []]);
  expect(at.status().symbols['ETH/USDT']?.state).toBe('synced');
  expect(at.sources).toHaveLength(1);
});

test('one that was calm for some minutes is asked for at once again', () => {
  const at = play(['BTC/USDT']);
  for (let s = 0; s < 200; s++) at.second(['BTC-USDT']);
  for (let s = 0; s < 370; s++) at.second();
  const before = at.asked('subscribe', 'BTC-USDT').length;
  for (const broken of [['BTC-USDT'], [], ['BTC-USDT'], [], []]) at.second(broken);
  expect(at.asked('subscribe', 'BTC-USDT')).toHaveLength(before + 2);
});

test('many: before the requests of an hour are gone the connection is replaced, and no book waits for long', () => {
  const symbols = Array.from({ length: 20 }, (_, at) => `C${at}/USDT`);
  const ids = symbols.map((symbol) => symbol.replace('/', '-'));
  const at = play(symbols);
  // Not together: each needs requests of its own.
  for (let s = 0; s < 3_000; s++) at.second(ids.filter((_, index) => s > index * 3));
  const replaced = at
    .facts('handover')
    .filter(({ state, reason }) => state === 'begun' && reason === 'requests');
  expect(replaced.length).toBeGreaterThan(0);
  expect(at.facts('reconnect')).toEqual([]);
  for (const { sent } of at.sources) {
    const requests = sent.filter((text) => text !== 'ping').map((text) => (JSON.parse(text) as Request).op);
    expect(requests.length).toBeLessThanOrEqual(480);
    // Of each pair both left.
    expect(requests.at(-1)).toBe('subscribe');
  }
  for (const id of ids) {
    const [, ...waits] = gapsOf(at.asked('subscribe', id));
    expect(Math.max(...waits)).toBeLessThan(130);
  }
});
