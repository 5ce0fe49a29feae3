/** What a venue is to the rest of the program: declarations and pure functions. A venue opens nothing. */

import type { BookMessage, Feed, Market, MarketMessage } from './event.ts';
import type { Result } from './result.ts';
import type { VenueSim } from './sim.ts';
import type { TradeIdRule } from './trade-order.ts';

/** A unified symbol with what the venue calls it. */
export interface Located {
  readonly symbol: string;
  readonly id: string;
  readonly market: Market;
}

/** Base URLs by key (`rest`, `ws`, `futures_rest`, `futures_ws`): origins, with a prefix path behind a proxy. */
export type Endpoints = Readonly<Record<string, string>>;

/** Which of a venue's two trade id spaces a market is recorded in (Binance). */
export type TradeStream = 'trade' | 'aggTrade';

export interface FeedOptions {
  /** Levels wanted; each venue takes its next larger depth. */
  readonly depth: number;
  /** Null: the venue's default of that market. */
  readonly stream: TradeStream | null;
}

export interface DialPlan {
  readonly feed: Feed;
  readonly instruments: readonly Located[];
  readonly endpoints: Endpoints;
  readonly options: FeedOptions;
}

/** One stream of one symbol, in the venue's own words. */
export interface Subscription {
  readonly symbol: string;
  /** As `Read` names it: `btcusdt@depth@100ms`, `publicTrade.BTCUSDT`, `books:BTC-USDT`. */
  readonly stream: string;
  /** The hello that asks for it, from 1: its request id. */
  readonly hello: number;
  /** Once taken it brings something within so long, ms, however quiet the market; null: a quiet one brings nothing. */
  readonly soonMs: number | null;
}

/** At most `limit` in any `perMs`. */
export interface Quota {
  readonly limit: number;
  readonly perMs: number;
}

/** One WebSocket to hold open. */
export interface ConnectionPlan {
  /** Unique within its feed and stable between starts: `spot`, `public`, `linear-2`. */
  readonly name: string;
  readonly url: string;
  readonly market: Market | null;
  readonly instruments: readonly Located[];
  /** Sent after the open, in order, at least `paceMs` apart. */
  readonly hellos: readonly string[];
  readonly paceMs: number;
  /** What the hellos ask for: each is acknowledged, by its request id or by its stream. */
  readonly subscriptions: readonly Subscription[];
  /** The venue ends a connection at this age, ms; null: it names none. */
  readonly lifeMs: number | null;
  /** Connections that the venue lets one address open. */
  readonly connects: Quota | null;
  /** Requests that the venue takes on one connection. */
  readonly requests: Quota | null;
  /** A text to send now and then, where the venue asks for more than protocol pongs. */
  readonly ping: { readonly everyMs: number; readonly text: string } | null;
  /** Without any frame for this long the connection is taken for dead. */
  readonly idleMs: number;
}

/** What one frame is, after its schema. */
export type Read<M> =
  /** `stream`: the subscription that brought it; empty where the frame does not tell. */
  | { readonly kind: 'message'; readonly message: M; readonly stream: string }
  /** Known and of no interest: counted by name. */
  | { readonly kind: 'ignored'; readonly name: string }
  /** Our subscription was taken: `name` is the request's id, or the stream. */
  | { readonly kind: 'ack'; readonly name: string }
  /** Our subscription, or the connection, was refused: `reason` is the venue's text; `name` as of an `ack`, or empty. */
  | { readonly kind: 'refused'; readonly reason: string; readonly name: string }
  /** The venue is about to close. */
  | { readonly kind: 'notice'; readonly name: string }
  /** Not JSON, a wrong shape, an impossible value. */
  | { readonly kind: 'rejected'; readonly reason: string };

export interface MapContext {
  /** The market that the connection's URL speaks of, where it does. */
  readonly market: Market | null;
  /** What is being recorded: a channel can serve one feed or another (Bybit `orderbook.1`). */
  readonly feeds: ReadonlySet<Feed>;
  readonly options: FeedOptions;
  /** Undefined for an instrument that nobody asked for. */
  symbolOf(id: string, market: Market): string | undefined;
  emit(message: MarketMessage): void;
  ignore(name: string): void;
  /** A change of what this connection never had whole: ignored, and its stream is taken for one that brings nothing. */
  orphan(name: string): void;
  reject(reason: string): void;
}

/** State per connection: a new connection has a new mapper, so nothing stale survives a reconnect. */
export type Mapper<M> = (message: M, localUs: number) => void;

/** How a delta relates to a snapshot that it may follow. */
export type JoinStep = 'stale' | 'joins' | 'gap';

export interface BookRule {
  /** Where snapshots come from: asked for by REST, pushed once after (re)subscribing, or pushed now and then. */
  readonly snapshot: 'rest' | 'subscribe' | 'pushed';
  /** Judges a delta against the snapshot with `snapshotSequence`. Not asked where snapshots are pushed. */
  join(delta: BookMessage, snapshotSequence: number | null): JoinStep;
}

/** One REST request, by the name that ccxt's implicit API gives the venue's endpoint. */
export interface RestCall {
  /** `publicGetDepth`, `fapiPublicGetDepth`, … */
  readonly method: string;
  readonly params: Readonly<Record<string, string | number>>;
  /** In the unit of the venue's own window. */
  readonly weight: number;
  /** The venue's own window that it counts against (`VenueRest.windows`). */
  readonly window: string;
  /** The market that the answer is about; null where the answer itself tells. */
  readonly market: Market | null;
}

/** A venue's own request limit: at most `limit` (calls or weight) in any `perMs`. */
export interface RateWindow {
  readonly name: string;
  readonly limit: number;
  readonly perMs: number;
}

export interface Instrument {
  readonly ex: string;
  readonly symbol: string;
  readonly id: string;
  readonly market: string;
  /** Base units in one contract; `1` on spot. Null where the venue does not say. */
  readonly contract_size: string | null;
  readonly amount_unit: 'base' | 'contracts' | 'quote';
  readonly price_tick: string | null;
  /** Open for trading now. */
  readonly trading: boolean;
}

/** A whole answer of a venue's REST, good or bad. */
export interface RestAnswer {
  readonly status: number;
  /** The venue's own code where the body has one: `-1003`, `10006`, `50011`. */
  readonly code: string | null;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Our time of receipt, µs UTC. */
  readonly nowUs: number;
}

/** A venue's "too much": nothing more may be sent for a while. */
export interface Limit {
  /** The HTTP status that the refusal had, or stands for; `ERR`: the venue is busy, and we are not to blame. */
  readonly outcome: number | 'ERR';
  /** From the receipt of the answer, ms. */
  readonly pauseMs: number;
  /** The venue named this time; else it is our guess, and grows while limits follow one another. */
  readonly named: boolean;
  readonly ban: boolean;
  /** `all`: its WebSockets too must be closed, and stay so. */
  readonly scope: 'rest' | 'all';
  /** The venue's limits are lowered to this part of them, for so long from the receipt; null: they stand. */
  readonly lowered: { readonly factor: number; readonly forMs: number } | null;
}

/** What an answer says of how much we ask. */
export interface Verdict {
  readonly limit: Limit | null;
  /** What the venue counts for our address in the call's window, and when its count begins anew, ms from the receipt. */
  readonly used: { readonly weight: number; readonly turnsInMs: number } | null;
}

/** What a recorded REST answer is, told by its URL (replay). A `depth` is a book: one to join, or a polled one. */
export type RestAnswerKind =
  | { readonly kind: 'depth' | 'ticker' | 'trades'; readonly id: string; readonly market: Market }
  | { readonly kind: 'instruments'; readonly market: Market | null };

/** How a venue gives trades of the past by their ids. */
export interface TradeHistory {
  /** `up`: a page begins behind an id and goes on from there. `down`: it ends before one. */
  readonly pages: 'up' | 'down';
  /** Trades of a full page. */
  readonly size: number;
  /** Only the newest page of these can be had. */
  isClosed?(located: Located, options: FeedOptions): boolean;
  /** `at`: that id, which is not itself asked for. Null: the newest page; only where pages go down. */
  call(located: Located, options: FeedOptions, at: string | null): RestCall;
}

export interface VenueRest {
  /** The ccxt exchange whose implicit endpoints serve this venue. */
  readonly ccxt: string;
  /** It is asked by ccxt's unified methods in place of those, and polled only. */
  readonly unified?: true;
  /** ccxt's `urls.api` entries for these endpoints. */
  bases(endpoints: Endpoints): Readonly<Record<string, string>>;
  readonly windows: readonly RateWindow[];
  /** Every `RestCall.method` of this venue: whose weight the settings may change. */
  readonly methods: readonly string[];
  /** What an answer says of how much we ask. Pure; never throws, whatever the answer holds. */
  judge(answer: RestAnswer): Verdict;
  /** The calls that together tell of these instruments. */
  instruments(located: readonly Located[]): readonly RestCall[];
  /** The calls that together tell of every instrument. */
  catalogue(): readonly RestCall[];
  /** The venue's error codes for an instrument that it does not have. */
  readonly unlistedCodes: readonly string[];
  readInstruments(text: string, market: Market | null): Result<readonly Instrument[]>;
  /** The call that tells the venue's time, for whom these are recorded; null where there is none. */
  clock(located: readonly Located[]): RestCall | null;
  /** Its answer: µs UTC, as fine as ms at least. */
  readClock(text: string): Result<number>;
  /** Null where the venue's books do not begin with a REST snapshot. */
  depth(located: Located, depth: number): RestCall | null;
  readDepth(text: string, located: Located, localUs: number): Result<BookMessage>;
  /** The calls that together bring one poll of a feed: one after the other, each a message or more. */
  poll(feed: Feed, located: Located, options: FeedOptions): readonly RestCall[];
  /** The answer to any of these calls; trades oldest first, their ids those of the WebSocket's. */
  readPoll(feed: Feed, text: string, located: Located, localUs: number): Result<readonly MarketMessage[]>;
  /** Read by `readPoll`. Null: only the newest page of trades can be had (`poll`). */
  readonly history: TradeHistory | null;
  recognise(url: string): RestAnswerKind | null;
}

export interface Venue<M = unknown> {
  readonly id: string;
  /** What the settings call it, where that is not its id: `ccxt:kraken`. */
  readonly key?: string;
  readonly feeds: readonly Feed[];
  /** The public endpoints, by key. */
  readonly endpoints: Endpoints;
  /** Hosts by which a recording's URL is known to be this venue's. */
  readonly hosts: readonly string[];
  /** The operators' cap on information calls a minute; run at `share` of it. */
  readonly maxInfoRpm: number;
  /** The symbol that a first settings file holds. */
  readonly defaultSymbols: readonly string[];
  /** What the venue calls a unified symbol; null when it has no such market. */
  locate(symbol: string): Located | null;
  /** The unified symbol of a venue's id by rule (known quote currencies, suffixes); null when no rule fits. */
  symbolOf(id: string, market: Market): string | null;
  /** The market that a connection's URL speaks of; null where one URL serves all. */
  marketOf(url: string): Market | null;
  dial(plan: DialPlan): readonly ConnectionPlan[];
  /** One text that asks for streams, or for no more of them, under an id of ours. */
  request(op: 'subscribe' | 'unsubscribe', streams: readonly string[], id: number): string;
  /** Text to message, through the venue's schema. Never throws. */
  read(text: string): Read<M>;
  mapper(context: MapContext): Mapper<M>;
  bookRule(market: Market): BookRule;
  tradeIds(market: Market, options: FeedOptions): TradeIdRule;
  readonly rest: VenueRest;
  readonly sim: VenueSim;
}

/** What the settings call a venue. */
export function keyOf({ id, key }: Pick<Venue, 'id' | 'key'>): string {
  return key ?? id;
}

/** Declares a venue; gives the registry one type without losing the wire types within. */
export function defineVenue<M>(venue: Venue<M>): Venue {
  return venue as Venue;
}
