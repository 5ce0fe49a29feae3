/** OKX v5 as a server, spot and swaps, in today's shapes. */

import type { Level } from '../../core/event.ts';
import type {
  JournalEntry,
  SimBookUpdate,
  SimEvent,
  SimFrame,
  SimInstrument,
  SimRequest,
  SimResponse,
  SimSession,
  SimTicker,
  SimTrade,
  SimView,
  VenueSim,
} from '../../core/sim.ts';

const instruments: readonly SimInstrument[] = (['BTC', 'ETH'] as const).flatMap((base) => [
  {
    symbol: `${base}/USDT`,
    base,
    quote: 'USDT',
    market: 'spot',
    tick: '0.1',
    step: '0.00000001',
    priceDigits: 1,
    amountDigits: 8,
  },
  // Contracts of 0.01 coins.
  {
    symbol: `${base}/USDT:USDT`,
    base,
    quote: 'USDT',
    market: 'linear',
    tick: '0.1',
    step: '0.01',
    priceDigits: 1,
    amountDigits: 2,
  },
]);

const CHANNELS = ['books', 'books5', 'trades', 'tickers'];
/** `seqId` grows by more than one, as it does across a matching engine. */
const seqId = (count: number): number => 79_000_000_000 + count * 3;
/** Every so many updates an idle push follows: no levels, `seqId` = `prevSeqId`. */
const IDLE_EVERY = 40;
const ms = (us: number): string => String(Math.floor(us / 1000));
const idOf = (one: SimInstrument): string =>
  `${one.base}-${one.quote}${one.market === 'linear' ? '-SWAP' : ''}`;
const four = (levels: readonly Level[]): readonly (readonly string[])[] =>
  levels.map(([px, sz]) => [px, sz, '0', '1']);

interface Arg {
  readonly channel: string;
  readonly instId: string;
}

function session({ path }: SimRequest, view: SimView): SimSession | null {
  if (path !== '/ws/v5/public') return null;
  const offered = new Map(view.instruments.map((one) => [idOf(one), one]));
  const subscribed = new Set<string>();

  const subscribe = (arg: Arg): readonly SimFrame[] => {
    const instrument = offered.get(arg.instId);
    if (instrument === undefined || !CHANNELS.includes(arg.channel)) {
      const msg = `Wrong URL or channel:${arg.channel},instId:${arg.instId} doesn't exist. Please use the correct URL, channel and parameters referring to API document.`;
      return [{ text: JSON.stringify({ event: 'error', msg, code: '60018', connId: 'sim' }), journal: [] }];
    }
    const fresh = !subscribed.has(`${arg.channel} ${arg.instId}`);
    subscribed.add(`${arg.channel} ${arg.instId}`);
    const ack = { text: JSON.stringify({ event: 'subscribe', arg, connId: 'sim' }), journal: [] };
    const first = fresh && arg.channel === 'books' ? [snapshot(instrument, view)] : [];
    return [ack, ...first];
  };

  return {
    onMessage(text) {
      if (text === 'ping') return [{ text: 'pong', journal: [] }];
      const { op, args } = JSON.parse(text) as { op: string; args: readonly Arg[] };
      if (op === 'subscribe') return args.flatMap(subscribe);
      return args.map((arg) => {
        subscribed.delete(`${arg.channel} ${arg.instId}`);
        return { text: JSON.stringify({ event: 'unsubscribe', arg, connId: 'sim' }), journal: [] };
      });
    },
    onEvent: (event) =>
      frames(event, (channel) => subscribed.has(`${channel} ${idOf(event.instrument)}`), view),
    onTick: () => [],
  };
}

function frames(event: SimEvent, wants: (channel: string) => boolean, view: SimView): readonly SimFrame[] {
  switch (event.type) {
    case 'trade':
      return wants('trades') ? [trade(event)] : [];
    case 'ticker':
      return wants('tickers') ? [ticker(event)] : [];
    case 'book':
      return [
        ...(wants('books') ? [update(event)] : []),
        ...(wants('books') && event.index % IDLE_EVERY === 0 ? [idle(event)] : []),
        ...(wants('books5') ? [five(event, view)] : []),
      ];
  }
}

function trade(event: SimTrade): SimFrame {
  const { instrument, side, price: px, amount: sz, timeUs } = event;
  const instId = idOf(instrument);
  const tradeId = String(event.id);
  const data = [
    {
      instId,
      tradeId,
      px,
      sz,
      side,
      ts: ms(timeUs),
      count: String(1 + (event.id % 3)),
      source: '0',
      seqId: seqId(event.id),
    },
  ];
  const timestampUs = Number(ms(timeUs)) * 1000;
  const entry: JournalEntry = {
    feed: 'trades',
    symbol: instrument.symbol,
    id: tradeId,
    side,
    price: px,
    amount: sz,
    timestampUs,
  };
  return { text: JSON.stringify({ arg: { channel: 'trades', instId }, data }), journal: [entry] };
}

function ticker(event: SimTicker): SimFrame {
  const instId = idOf(event.instrument);
  const spot = event.instrument.market === 'spot';
  const { last } = event;
  const data = [
    {
      instType: spot ? 'SPOT' : 'SWAP',
      instId,
      last,
      lastSz: event.bid[1],
      askPx: event.ask[0],
      askSz: event.ask[1],
      bidPx: event.bid[0],
      bidSz: event.bid[1],
      open24h: last,
      high24h: last,
      low24h: last,
      sodUtc0: last,
      sodUtc8: last,
      volCcy24h: spot ? event.quoteVolume : event.baseVolume,
      vol24h: event.baseVolume,
      ts: ms(event.timeUs),
    },
  ];
  const timestampUs = Number(ms(event.timeUs)) * 1000;
  const journal: readonly JournalEntry[] = [{ feed: 'ticker', symbol: event.instrument.symbol, timestampUs }];
  return { text: JSON.stringify({ arg: { channel: 'tickers', instId }, data }), journal };
}

interface BookTold {
  readonly action: 'snapshot' | 'update';
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly seq: number;
  readonly previous: number;
  readonly timeUs: number;
}

function bookFrame(instrument: SimInstrument, told: BookTold): SimFrame {
  const { action, bids, asks, seq, previous, timeUs } = told;
  const arg = { channel: 'books', instId: idOf(instrument) };
  const one = {
    asks: four(asks),
    bids: four(bids),
    ts: ms(timeUs),
    checksum: 0,
    seqId: seq,
    prevSeqId: previous,
  };
  const snapshotRow = action === 'snapshot';
  const entry: JournalEntry = {
    feed: 'orderbook',
    symbol: instrument.symbol,
    snapshot: snapshotRow,
    sequence: seq,
    prevSequence: snapshotRow ? null : previous,
    bids,
    asks,
  };
  return { text: JSON.stringify({ arg, action, data: [one] }), journal: [entry] };
}

function snapshot(instrument: SimInstrument, view: SimView): SimFrame {
  const { bids, asks, told } = view.book(instrument.symbol, 400);
  return bookFrame(instrument, {
    action: 'snapshot',
    bids,
    asks,
    seq: seqId(told),
    previous: -1,
    timeUs: view.nowUs(),
  });
}

function update({ instrument, bids, asks, last, previous, timeUs }: SimBookUpdate): SimFrame {
  return bookFrame(instrument, {
    action: 'update',
    bids,
    asks,
    seq: seqId(last),
    previous: seqId(previous),
    timeUs,
  });
}

function idle({ instrument, last, timeUs }: SimBookUpdate): SimFrame {
  return bookFrame(instrument, {
    action: 'update',
    bids: [],
    asks: [],
    seq: seqId(last),
    previous: seqId(last),
    timeUs,
  });
}

function five({ instrument, last, timeUs }: SimBookUpdate, view: SimView): SimFrame {
  const { bids, asks } = view.book(instrument.symbol, 5);
  const instId = idOf(instrument);
  const data = [{ asks: four(asks), bids: four(bids), instId, ts: ms(timeUs), seqId: seqId(last) }];
  const entry: JournalEntry = {
    feed: 'orderbook',
    symbol: instrument.symbol,
    snapshot: true,
    sequence: seqId(last),
    prevSequence: null,
    bids,
    asks,
  };
  return { text: JSON.stringify({ arg: { channel: 'books5', instId }, data }), journal: [entry] };
}

function rest({ path, query }: SimRequest, view: SimView): SimResponse | null {
  const answer = (code: string, msg: string, data: readonly object[]): SimResponse => ({
    status: 200,
    body: JSON.stringify({ code, data, msg }),
  });
  if (path === '/api/v5/public/time') return answer('0', '', [{ ts: ms(view.nowUs()) }]);
  if (path !== '/api/v5/public/instruments') return null;
  const market = query.get('instType') === 'SPOT' ? 'spot' : 'linear';
  const id = query.get('instId');
  const chosen = view.instruments.filter((one) => one.market === market && (id === null || idOf(one) === id));
  if (id !== null && chosen.length === 0) return answer('51001', "Instrument ID doesn't exist", []);
  return answer('0', '', chosen.map(info));
}

function info(one: SimInstrument): object {
  const spot = one.market === 'spot';
  return {
    instType: spot ? 'SPOT' : 'SWAP',
    instId: idOf(one),
    uly: spot ? '' : `${one.base}-${one.quote}`,
    baseCcy: spot ? one.base : '',
    quoteCcy: spot ? one.quote : '',
    settleCcy: spot ? '' : one.quote,
    ctVal: spot ? '' : '0.01',
    ctMult: spot ? '' : '1',
    ctValCcy: spot ? '' : one.base,
    ctType: spot ? '' : 'linear',
    tickSz: one.tick,
    lotSz: one.step,
    minSz: one.step,
    state: 'live',
  };
}

export const sim: VenueSim = { instruments, session, rest };
