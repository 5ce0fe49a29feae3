import fc from 'fast-check';
import type { Batch } from '../../src/core/batch.ts';
import { featureEngine } from '../../src/flow/features/engine.ts';
import type { FeatureBatch } from '../../src/flow/features/feature.ts';
import { TICKER, WIDTHS } from '../../src/flow/rows.ts';
import { signalFiles } from '../../src/flow/signal-file.ts';
import { signalBuilder } from '../../src/flow/signals/builder.ts';

export interface Quote {
  readonly symbol: string;
  readonly localUs: number;
  readonly bid: number;
  readonly ask: number;
}

/** A ticker batch as a fetcher makes it, without its bytes. The venue's time is a millisecond before ours. */
export function quoteBatch(venue: string, quotes: readonly Quote[]): Batch {
  const symbols = [...new Set(quotes.map(({ symbol }) => symbol))];
  const width = WIDTHS.ticker;
  const columns = new Float64Array(quotes.length * width).fill(Number.NaN);
  quotes.forEach((quote, index) => {
    const at = index * width;
    columns[at] = symbols.indexOf(quote.symbol);
    columns[at + 1] = quote.localUs - 1000;
    columns[at + 2] = quote.localUs;
    columns[at + TICKER.bidPrice] = quote.bid;
    columns[at + TICKER.askPrice] = quote.ask;
  });
  return {
    venue,
    feed: 'ticker',
    parts: symbols.map((symbol) => ({
      symbol,
      start: 0,
      end: 0,
      rows: 0,
      lastRow: 0,
      day: '2026-11-21',
      begins: false,
    })),
    bytes: new Uint8Array(0),
    columns,
    width,
    events: quotes.length,
    firstLocalUs: quotes[0]?.localUs ?? 0,
    lastLocalUs: quotes.at(-1)?.localUs ?? 0,
  };
}

/** 2026-11-21T00:00:00Z */
export const DAY_US = 1_795_219_200_000_000;

export const QUOTES = fc.array(
  fc.record({
    gapUs: fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.integer({ min: 0, max: 40_000_000 })),
    venue: fc.constantFrom('binance', 'bybit', 'okx'),
    symbol: fc.constantFrom('BTC/USDT', 'ETH/USDT'),
    bid: fc.integer({ min: 95, max: 105 }),
  }),
  { minLength: 1, maxLength: 80, size: 'max' },
);

/** Where a batch ends, how long it is under way, when after its quote a tick comes. */
export const CUTS = fc.infiniteStream(
  fc.record({
    ends: fc.boolean(),
    delayUs: fc.nat(400_000),
    tickUs: fc.option(fc.nat(5_000_000), { freq: 2 }),
  }),
);

type Cut = { readonly ends: boolean; readonly delayUs: number; readonly tickUs: number | null };

export interface ReceivedQuote {
  readonly venue: string;
  readonly quote: Quote;
  /** When it is received by a clock that nobody sets; `localUs` is what ours says then. */
  readonly atUs: number;
}

/**
 * The signal files and counts of quotes that come in batches of at most half a second, each arriving up to 0.4 s after
 * its last event, venue by venue in order. No batch runs over a change of our clock.
 */
export function recorded(quotes: readonly ReceivedQuote[], cuts: Iterable<Cut>) {
  const cut = cuts[Symbol.iterator]();
  const nextCut = (): Cut => {
    const { value } = cut.next();
    return value ?? { ends: true, delayUs: 0, tickUs: null };
  };
  const offsetOf = ({ quote, atUs }: ReceivedQuote): number => quote.localUs - atUs;
  const clockAt = (us: number): number =>
    us + quotes.reduce((offset, one) => (one.atUs <= us ? offsetOf(one) : offset), 0);
  const deliveries: { us: number; deliver: () => readonly FeatureBatch[] | number }[] = [];
  const engine = featureEngine();
  for (const venue of new Set(quotes.map((one) => one.venue))) {
    let batch: ReceivedQuote[] = [];
    let previousUs = 0;
    const send = (delayUs: number) => {
      const whole = batch.map((one) => one.quote);
      previousUs = Math.max(previousUs, (batch.at(-1)?.atUs ?? 0) + delayUs);
      batch = [];
      deliveries.push({ us: previousUs, deliver: () => engine.ingest(quoteBatch(venue, whole)) });
    };
    for (const one of quotes) {
      if (one.venue !== venue) continue;
      const { ends, delayUs, tickUs } = nextCut();
      const [first] = batch;
      if (first && (ends || one.atUs - first.atUs > 500_000 || offsetOf(one) !== offsetOf(first)))
        send(delayUs);
      if (tickUs !== null) {
        const us = one.atUs + tickUs;
        deliveries.push({ us, deliver: () => clockAt(us) });
      }
      batch.push(one);
    }
    if (batch.length > 0) send(0);
  }
  deliveries.sort((a, b) => a.us - b.us);
  const builder = signalBuilder();
  const files = new Map<string, string>();
  const write = (batches: ReturnType<typeof builder.tick>) => {
    for (const { file, bytes } of batches.flatMap(signalFiles)) {
      files.set(file, (files.get(file) ?? '') + new TextDecoder().decode(bytes));
    }
  };
  for (const { deliver } of deliveries) {
    const given = deliver();
    if (typeof given === 'number') write(builder.tick(given));
    else for (const batch of given) write(builder.ingest(batch));
  }
  write(builder.tick(Number.POSITIVE_INFINITY));
  return { files, counts: builder.counts?.() };
}
