/** OKX v5 as a server, spot and swaps, in today's shapes. */

import type { Level } from '../../core/event.ts';
import {
  bookEntry,
  type JournalEntry,
  type SimEvent,
  type SimFrame,
  type SimInstrument,
  type SimRequest,
  type SimSession,
  type SimTicker,
  type SimTrade,
  type SimView,
  tickerEntry,
  tradeEntry,
} from '../../core/sim.ts';
import { createSharedFrames } from '../../core/sim-shared.ts';

const DIGITS = { priceDigits: 2, amountDigits: 8, quoteDigits: 9, zeros: 'none' } as const;
const BTC = { ...DIGITS, base: 'BTC', quote: 'USDT', tick: '0.1' };
const ETH = { ...DIGITS, base: 'ETH', quote: 'USDT', tick: '0.01' };
/** Amounts of swaps are in contracts. */
export const instruments: readonly SimInstrument[] = [
  { ...BTC, symbol: 'BTC/USDT', market: 'spot', step: '0.00000001' },
  { ...BTC, symbol: 'BTC/USDT:USDT', market: 'linear', step: '0.01' },
  { ...ETH, symbol: 'ETH/USDT', market: 'spot', step: '0.000001' },
  { ...ETH, symbol: 'ETH/USDT:USDT', market: 'linear', step: '0.01' },
];
/** Base units in a contract (`ctVal`). */
export const CONTRACT = '0.01';

const CHANNELS = ['books', 'books5', 'trades', 'tickers'];
/** Levels that `books` keeps and `books5` shows. */
const DEPTH = 400;
const FEW = 5;
/** Grows by more than one, as it does across a matching engine. */
export const seqId = (count: number): number => 79_000_000_000 + count * 3;
/** Every so many updates an idle push follows: no levels, `seqId` = `prevSeqId`. */
const IDLE_EVERY = 40;
export const ms = (us: number): number => Math.floor(us / 1000);
export const idOf = (one: SimInstrument): string =>
  `${one.base}-${one.quote}${one.market === 'linear' ? '-SWAP' : ''}`;
/** Price, amount, a field that is always 0, and the number of orders. */
export const four = (levels: readonly Level[]): readonly (readonly string[])[] =>
  levels.map(([px, sz]) => [px, sz, '0', /^[0.]+$/.test(sz) ? '0' : '1']);

interface Arg {
  readonly channel: string;
  readonly instId: string;
}

const shared = createSharedFrames();

export function session({ path }: SimRequest, view: SimView): SimSession | null {
  if (path !== '/ws/v5/public') return null;
  const subscribed = new Set<string>();
  const said = (answer: object): SimFrame => ({
    text: JSON.stringify({ ...answer, connId: 'sim' }),
    journal: [],
  });

  const subscribe = (arg: Arg): readonly SimFrame[] => {
    const instrument = view.instruments.find((one) => idOf(one) === arg.instId);
    if (instrument === undefined || !CHANNELS.includes(arg.channel)) {
      const msg = `Wrong URL or channel:${arg.channel},instId:${arg.instId} doesn't exist. Please use the correct URL, channel and parameters referring to API document.`;
      return [said({ event: 'error', msg, code: '60018' })];
    }
    const name = `${arg.channel} ${arg.instId}`;
    const fresh = !subscribed.has(name);
    subscribed.add(name);
    return [said({ event: 'subscribe', arg }), ...(fresh ? firstFrames(instrument, arg.channel, view) : [])];
  };

  return {
    pingMs: null,
    onMessage(text) {
      if (text === 'ping') return [{ text: 'pong', journal: [] }];
      const { op, args } = JSON.parse(text) as { readonly op: string; readonly args: readonly Arg[] };
      if (op === 'subscribe') return args.flatMap(subscribe);
      if (op !== 'unsubscribe')
        return [said({ event: 'error', msg: `Illegal request: ${text}`, code: '60012' })];
      return args.map((arg) => {
        subscribed.delete(`${arg.channel} ${arg.instId}`);
        return said({ event: 'unsubscribe', arg });
      });
    },
    onEvent(event) {
      const instId = idOf(event.instrument);
      return BY_EVENT[event.type]
        .filter((channel) => subscribed.has(`${channel} ${instId}`))
        .flatMap((channel) => shared(event, channel, () => framesOf(event, channel, view)));
    },
    onTick: () => [],
  };
}

const BY_EVENT = { trade: ['trades'], ticker: ['tickers'], book: ['books', 'books5'] } as const;

/** What a new subscription brings at once. */
function firstFrames(instrument: SimInstrument, channel: string, view: SimView): readonly SimFrame[] {
  if (channel === 'tickers') return [ticker(view.ticker(instrument.symbol))];
  if (channel === 'books5') return [five(instrument, view)];
  if (channel !== 'books') return [];
  const { bids, asks, sequence } = view.window(instrument.symbol, DEPTH);
  const last = { seqId: seqId(sequence), prevSeqId: -1 };
  return [book(instrument, 'snapshot', view.nowUs(), { bids, asks }, last)];
}

function framesOf(event: SimEvent, channel: string, view: SimView): readonly SimFrame[] {
  switch (event.type) {
    case 'trade':
      return trades(event);
    case 'ticker':
      return [ticker(event)];
    case 'book': {
      const { instrument, timeUs } = event;
      const window = view.window(instrument.symbol, channel === 'books' ? DEPTH : FEW);
      if (window.update !== event.index) return [];
      if (channel === 'books5') return [five(instrument, view)];
      const [now, before] = [seqId(window.sequence), seqId(window.previous)];
      const levels = { bids: window.changedBids, asks: window.changedAsks };
      const idle = { seqId: now, prevSeqId: now };
      return [
        book(instrument, 'update', timeUs, levels, { seqId: now, prevSeqId: before }),
        ...(window.index % IDLE_EVERY === 0
          ? [book(instrument, 'update', timeUs, { bids: [], asks: [] }, idle)]
          : []),
      ];
    }
  }
}

const frame = (
  channel: string,
  instId: string,
  rest: object,
  journal: readonly JournalEntry[],
): SimFrame => ({
  text: JSON.stringify({ arg: { channel, instId }, ...rest }),
  journal,
});

export const rows = (event: SimTrade): readonly JournalEntry[] =>
  trades(event).flatMap(({ journal }) => journal);

/** One row for what a market order took at one price; its id is that of the last fill. */
function trades(event: SimTrade): readonly SimFrame[] {
  const instId = idOf(event.instrument);
  const time = ms(event.timeUs);
  return event.prints.map((print) => {
    const { aggregate, price: px, amount: sz, fills } = print;
    const tradeId = String(fills.at(-1)?.id);
    const more = { count: String(fills.length), source: '0', seqId: seqId(aggregate) };
    const one = { instId, tradeId, px, sz, side: event.side, ts: String(time), ...more };
    return frame('trades', instId, { data: [one] }, [tradeEntry(event, print, tradeId, time * 1000)]);
  });
}

function ticker(event: SimTicker): SimFrame {
  const timestampUs = ms(event.timeUs) * 1000;
  return frame('tickers', idOf(event.instrument), { data: [tickerOf(event)] }, [
    tickerEntry(event.instrument, timestampUs),
  ]);
}

export function tickerOf(event: SimTicker): object {
  const { instrument, last, open, bid, ask, baseVolume } = event;
  const instId = idOf(instrument);
  const spot = instrument.market === 'spot';
  return {
    instType: spot ? 'SPOT' : 'SWAP',
    instId,
    last,
    lastSz: event.lastAmount,
    askPx: ask[0],
    askSz: ask[1],
    bidPx: bid[0],
    bidSz: bid[1],
    open24h: open,
    high24h: event.high,
    low24h: event.low,
    sodUtc0: open,
    sodUtc8: open,
    // Quote currency on spot; on swaps base currency, while `vol24h` counts contracts.
    volCcy24h: spot ? event.quoteVolume : String(Number((Number(baseVolume) * Number(CONTRACT)).toFixed(8))),
    vol24h: baseVolume,
    ts: String(ms(event.timeUs)),
  };
}

interface Levels {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

function book(
  instrument: SimInstrument,
  action: 'snapshot' | 'update',
  timeUs: number,
  levels: Levels,
  ids: { readonly seqId: number; readonly prevSeqId: number },
): SimFrame {
  const sides = { asks: four(levels.asks), bids: four(levels.bids) };
  const data = [{ ...sides, ts: String(ms(timeUs)), checksum: 0, ...ids }];
  const snapshot = action === 'snapshot';
  const numbers = { snapshot, sequence: ids.seqId, prevSequence: snapshot ? null : ids.prevSeqId };
  const entry = bookEntry(instrument, levels, { timestampUs: ms(timeUs) * 1000, ...numbers });
  return frame('books', idOf(instrument), { action, data }, [entry]);
}

function five(instrument: SimInstrument, view: SimView): SimFrame {
  const window = view.window(instrument.symbol, FEW);
  const instId = idOf(instrument);
  const [time, sequence] = [ms(view.nowUs()), seqId(window.sequence)];
  const sides = { asks: four(window.asks), bids: four(window.bids) };
  const numbers = { timestampUs: time * 1000, snapshot: true, sequence, prevSequence: null };
  return frame('books5', instId, { data: [{ ...sides, instId, ts: String(time), seqId: sequence }] }, [
    bookEntry(instrument, window, numbers),
  ]);
}
