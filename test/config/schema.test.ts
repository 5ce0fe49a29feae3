import { describe, expect, test } from 'vitest';
import { jsonSchema, settingsSchema } from '../../config/schema.ts';
import { FAKE_VENUES } from './fake-venues.ts';

const FEED = {
  enabled: true,
  transport: 'ws',
  capture: false,
  rest: { interval_sec: 2 },
  fallback: { enabled: true, after_sec: 30, back_sec: 10 },
};
const RATE = { share: 0.9, jitter: 0.1, decay: 0.9, max_interval_sec: 60, windows: {}, weights: {} };

describe('defaults', () => {
  test('an empty mapping is every venue with every default', () => {
    expect(settingsSchema(FAKE_VENUES).parse({})).toEqual({
      runtime: { mode: 'PROD', diag_sec: 300 },
      paths: { data: './data', logs: './logs' },
      writer: { flush_ms: 50, fsync_ms: 1000, queue_mb: 64, reserve_mb: 4 },
      archive: { max_file_mb: 256 },
      retention: { max_age_days: null, min_free_mb: null },
      health: { max_rss_mb: 1500, webhook: null },
      http: { enabled: false, host: '127.0.0.1', port: 9464 },
      venues: {
        wide: {
          enabled: true,
          symbols: ['BTC/USDT'],
          endpoints: {},
          feeds: {
            ticker: FEED,
            orderbook: { ...FEED, depth: 200 },
            trades: { ...FEED, stream: null },
          },
          rate: { max_info_rpm: 300, ...RATE, windows: { weight: { limit: 6_000, per_sec: 60 } } },
        },
        narrow: {
          enabled: true,
          symbols: ['BTC/JPY'],
          endpoints: {},
          feeds: { trades: { ...FEED, stream: null } },
          rate: { max_info_rpm: 100, ...RATE },
        },
      },
    });
  });

  test('a venue that a `venues` key does not name is off', () => {
    const { venues } = settingsSchema(FAKE_VENUES).parse({ venues: { narrow: {} } });
    expect(Object.keys(venues)).toEqual(['narrow']);
  });

  test('a feed that is left out is on, with its defaults', () => {
    const { venues } = settingsSchema(FAKE_VENUES).parse({
      venues: { wide: { feeds: { ticker: { enabled: false } } } },
    });
    expect(venues.wide?.feeds.ticker?.enabled).toBe(false);
    expect(venues.wide?.feeds.orderbook).toEqual({
      ...FEED,
      depth: 200,
    });
  });
});

describe('a rate', () => {
  const rate = (value: object) => {
    const parsed = settingsSchema(FAKE_VENUES).safeParse({ venues: { wide: { rate: value } } });
    return parsed.success ? parsed.data.venues.wide?.rate : parsed.error.issues[0]?.message;
  };

  test('has a place for every number of the venue: its windows, and what its calls count', () => {
    expect(rate({ windows: { weight: { limit: 1_200 } }, weights: { publicGetTrades: 25 } })).toMatchObject({
      max_info_rpm: 300,
      windows: { weight: { limit: 1_200, per_sec: 60 } },
      weights: { publicGetTrades: 25 },
    });
  });

  test.each([
    [{ windows: { other: {} } }],
    [{ windows: { weight: { per_min: 1 } } }],
    [{ weights: { publicGetNothing: 1 } }],
  ])('a window or a call that the venue has not is refused: %j', (value) =>
    expect(rate(value)).toMatch(/^Unrecognized key|^a mapping/),
  );

  test('numbers out of range are refused', () => {
    expect(rate({ windows: { weight: { limit: 0 } } })).toBe('an integer from 1 to 10000000');
    expect(rate({ weights: { publicGetDepth: -1 } })).toBe('an integer from 0 to 100000');
  });
});

describe('endpoints', () => {
  const endpoint = (key: string, url: string) => {
    const parsed = settingsSchema(FAKE_VENUES).safeParse({ venues: { wide: { endpoints: { [key]: url } } } });
    return parsed.success ? parsed.data.venues.wide?.endpoints[key] : parsed.error.issues[0]?.message;
  };
  const REST = 'a base URL http://… or https://… without credentials, query or fragment';
  const WS = 'a base URL ws://… or wss://… without credentials, query or fragment';

  test.each([
    ['rest', 'https://proxy.test/wide', 'https://proxy.test/wide'],
    ['rest', 'http://127.0.0.1:9000/', 'http://127.0.0.1:9000'],
    ['futures_rest', 'https://proxy.test/a/b//', 'https://proxy.test/a/b'],
    ['ws', 'ws://[::1]:9001', 'ws://[::1]:9001'],
    ['futures_ws', 'WSS://ws.test', 'WSS://ws.test'],
  ])('%s: %s is taken as %s', (key, url, taken) => expect(endpoint(key, url)).toBe(taken));

  test.each([
    ['rest', 'wss://ws.test', REST],
    ['futures_rest', 'ftp://x.test', REST],
    ['rest', 'https://user:pass@x.test', REST],
    ['rest', 'https://x.test/?key=1', REST],
    ['rest', 'https://x.test#top', REST],
    ['rest', 'https://', REST],
    ['rest', 'https:x.test', REST],
    ['rest', ' https://x.test', REST],
    ['rest', 'https://x.test:99999', REST],
    ['ws', 'https://x.test', WS],
    ['futures_ws', 'x.test', WS],
  ])('%s: %s is refused', (key, url, expected) => expect(endpoint(key, url)).toBe(expected));
});

describe('the JSON Schema', () => {
  // A property of an object in the schema, by its path.
  const property = (...path: string[]): Record<string, unknown> => {
    let node = jsonSchema(FAKE_VENUES) as Record<string, unknown>;
    for (const step of path) node = (node.properties as Record<string, Record<string, unknown>>)[step] ?? {};
    return node;
  };

  test('is draft 7, refuses unknown keys, asks for none', () => {
    expect(property()).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      additionalProperties: false,
    });
    expect(property()).not.toHaveProperty('required');
    expect(property('venues', 'wide')).toMatchObject({ type: 'object', additionalProperties: false });
  });

  test('every option has a meaning, and all but what stands in place of the venue’s own a default', () => {
    const bare: string[] = [];
    const noDefault: string[] = [];
    const walk = (node: Record<string, unknown>, path: string) => {
      if (node.description === undefined) bare.push(path);
      const properties = node.properties as Record<string, Record<string, unknown>> | undefined;
      if (properties === undefined && node.default === undefined) noDefault.push(path);
      for (const [key, child] of Object.entries(properties ?? {})) walk(child, `${path}.${key}`);
    };
    walk(property(), '');
    expect(bare).toEqual([]);
    expect(noDefault.filter((path) => !/\.(endpoints|weights)\./.test(path))).toEqual([]);
  });

  test('carries limits and choices', () => {
    expect(property('venues', 'wide', 'feeds', 'orderbook', 'depth')).toMatchObject({
      type: 'integer',
      minimum: 1,
      maximum: 5000,
      default: 200,
    });
    expect(property('runtime', 'mode')).toMatchObject({ enum: ['PROD', 'DEBUG', 'DIAG'], default: 'PROD' });
    expect(property('venues', 'narrow', 'feeds')).not.toHaveProperty('properties.ticker');
  });
});
