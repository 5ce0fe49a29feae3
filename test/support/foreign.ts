/** Two exchanges that only ccxt knows, as servers that answer in their own formats. */

import { type CannedAnswer, type CannedServer, cannedServer } from './canned.ts';

const json = (body: unknown): CannedAnswer => ({
  status: 200,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

type Answers = Readonly<Record<string, (asked: number) => unknown>>;

/** By path; `asked`: how often this path was asked before. */
function server(answers: Answers): Promise<CannedServer> {
  const counts = new Map<string, number>();
  return cannedServer((_, url) => {
    const path = url.split('?')[0] ?? '';
    const asked = counts.get(path) ?? 0;
    counts.set(path, asked + 1);
    const answer = answers[path];
    return answer === undefined
      ? { status: 404, body: '{"error":["EGeneral:Unknown"]}' }
      : json(answer(asked));
  });
}

const kraken = (result: unknown): unknown => ({ error: [], result });

/** Each trades answer has two trades more than the one before, and one that it had. */
export function krakenServer(): Promise<CannedServer> {
  const trade = (id: number): unknown => [
    '63704.10000',
    '0.00150000',
    1795219200.1234567 + id,
    'b',
    'l',
    '',
    id,
  ];
  return server({
    '/0/public/Assets': () =>
      kraken({
        XXBT: { aclass: 'currency', altname: 'XBT', decimals: 10, display_decimals: 5, status: 'enabled' },
        ZUSD: { aclass: 'currency', altname: 'USD', decimals: 4, display_decimals: 2, status: 'enabled' },
      }),
    '/0/public/AssetPairs': () =>
      kraken({
        XXBTZUSD: {
          altname: 'XBTUSD',
          wsname: 'XBT/USD',
          aclass_base: 'currency',
          base: 'XXBT',
          aclass_quote: 'currency',
          quote: 'ZUSD',
          lot: 'unit',
          pair_decimals: 1,
          lot_decimals: 8,
          lot_multiplier: 1,
          leverage_buy: [],
          leverage_sell: [],
          fees: [[0, 0.26]],
          fees_maker: [[0, 0.16]],
          ordermin: '0.0001',
          tick_size: '0.1',
          status: 'online',
        },
      }),
    '/0/public/Ticker': () =>
      kraken({
        XXBTZUSD: {
          a: ['63704.20000', '1', '1.000'],
          b: ['63704.10000', '2', '2.000'],
          c: ['63704.10000', '0.00150000'],
          v: ['100.5', '1234.5'],
          p: ['63000.1', '63100.2'],
          t: [100, 2000],
          l: ['62000.0', '61000.0'],
          h: ['64000.0', '65000.0'],
          o: '63200.0',
        },
      }),
    '/0/public/Depth': (asked) =>
      kraken({
        XXBTZUSD: {
          asks: [['63704.20000', '0.00000001', 1795219200 + asked]],
          bids: [
            ['63704.10000', '1.500', 1795219200],
            ['9704.10000', '2.250', 1795219200],
          ],
        },
      }),
    '/0/public/Trades': (asked) =>
      kraken({
        XXBTZUSD: [0, 1, 2].map((n) => trade(1_000 + 2 * asked + n)),
        last: '1795219200123456789',
      }),
  });
}

export function coinbaseServer(): Promise<CannedServer> {
  const product = {
    product_id: 'BTC-USD',
    price: '67060',
    volume_24h: '10967.87426597',
    base_increment: '0.00000001',
    quote_increment: '0.01',
    quote_min_size: '1',
    quote_max_size: '150000000',
    base_min_size: '0.00000001',
    base_max_size: '3400',
    status: 'online',
    trading_disabled: false,
    product_type: 'SPOT',
    quote_currency_id: 'USD',
    base_currency_id: 'BTC',
    price_increment: '0.01',
  };
  const trades = (asked: number): unknown => ({
    trades: [2, 1].map((n) => ({
      trade_id: String(10_000 + asked + n),
      product_id: 'BTC-USD',
      price: '67060.01',
      size: '0.002',
      time: `2026-11-21T00:00:0${n}.123456Z`,
      side: 'SELL',
      bid: '',
      ask: '',
    })),
    best_bid: '67060.00',
    best_ask: '67060.02',
  });
  return server({
    '/v2/currencies': () => ({ data: [{ id: 'USD', name: 'US Dollar', min_size: '0.01' }] }),
    '/v2/currencies/crypto': () => ({
      data: [{ asset_id: 'a', code: 'BTC', name: 'Bitcoin', exponent: '8', type: 'crypto' }],
    }),
    '/v2/exchange-rates': () => ({ data: { currency: 'USD', rates: { BTC: '0.000015' } } }),
    '/api/v3/brokerage/market/products': () => ({ products: [product], num_products: '1' }),
    '/api/v3/brokerage/market/products/BTC-USD/ticker': trades,
    '/api/v3/brokerage/market/product_book': () => ({
      pricebook: {
        product_id: 'BTC-USD',
        bids: [{ price: '67060.00', size: '0.5' }],
        asks: [{ price: '67060.02', size: '0.25' }],
        time: '2026-11-21T00:00:00.500000Z',
      },
    }),
  });
}
