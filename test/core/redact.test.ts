import { describe, expect, test } from 'vitest';
import { baseHider, redactAll, redactor } from '../../src/core/redact.ts';

describe('what may be a secret', () => {
  const redact = redactor([
    'http://user:p%40ss%22word@proxy.test:3128',
    'https://hooks.test/services/T0K3N',
    'https://base.test/0123456789abcdef/okx/',
    'wss://base.test/ws?key=k-1-2-3&b=1',
    'http://127.0.0.1:9/binance',
    'https://api.binance.com',
    'not a URL',
  ]);

  test.each([
    [
      'of a proxy',
      'GET http://user:p%40ss%22word@proxy.test:3128/ failed',
      'GET http://***@proxy.test:3128/ failed',
    ],
    ['of a URL that nobody has named', 'socks5://a:b@h:1 x://c@h', 'socks5://***@h:1 x://***@h'],
    ['a password decoded', 'wrong password p@ss"word', 'wrong password ***'],
    ['in JSON', '{"m":"p@ss\\"word"}', '{"m":"***"}'],
    ['in a header', `Basic ${btoa('user:p@ss"word')}`, 'Basic ***'],
    ['a path', 'https://hooks.test/services/T0K3N: 500', 'https://hooks.test/***: 500'],
    ['a long part of a path', 'no /x/0123456789abcdef/y', 'no /x/***/y'],
    ['a query', 'key k-1-2-3', 'key ***'],
    ['all of a path behind its host', 'http://127.0.0.1:9/binance/api/v3', 'http://127.0.0.1:9/***/api/v3'],
  ])('%s is left out', (_, text, want) => expect(redact(text)).toBe(want));

  test.each([
    'https://api.binance.com/api/v3/depth: HTTP 404 {"code":-1121}',
    'http://proxy.test:3128 refused',
    'mail user@host, 5 b=1 a:b',
    '[OK] preflight: binance.ticker.preflight',
    'capture/binance/trades, services of /ws',
    '[OK] http: http://127.0.0.1:9464/metrics',
  ])('nothing else is: %s', (text) => expect(redact(text)).toBe(text));

  test('in every text of a value, which is else the same', () => {
    const value = { a: [1, null, 'x://u:p@h', { b: 'T0K3N, https://hooks.test/services/T0K3N' }], n: true };
    expect(redactAll(value, redact)).toEqual({
      a: [1, null, 'x://***@h', { b: '***, https://hooks.test/***' }],
      n: true,
    });
  });

  test('a short password does not hide half of the text', () => {
    expect(redactor(['http://u:a@h'])('a banana at http://u:a@h')).toBe('a banana at http://***@h');
  });
});

describe('of a URL that was asked', () => {
  const hide = baseHider([
    'https://proxy.test:443/t0k3n-1/',
    'https://proxy.test/t0k3n-1/deeper',
    'https://BTCUSDT.test/BTCUSDT',
    'https://api.binance.com',
    'not a URL',
  ]);

  test.each([
    ['https://proxy.test:443/t0k3n-1/api/v3/time', 'https://proxy.test/***/api/v3/time'],
    ['https://proxy.test/t0k3n-1/deeper/api?a=t0k3n-1', 'https://proxy.test/***/api?a=t0k3n-1'],
    ['https://BTCUSDT.test/BTCUSDT/depth?symbol=BTCUSDT', 'https://btcusdt.test/***/depth?symbol=BTCUSDT'],
    ['https://proxy.test/t0k3n-1', 'https://proxy.test/***'],
    ['https://proxy.test/t0k3n-10/api', 'https://proxy.test/t0k3n-10/api'],
    ['https://api.binance.com/api/v3/depth?symbol=A', 'https://api.binance.com/api/v3/depth?symbol=A'],
    ['ccxt://kraken/fetchTrades?symbol=A', 'ccxt://kraken/fetchTrades?symbol=A'],
  ])('%s: the path of the base alone is left out', (url, want) => expect(hide(url)).toBe(want));
});
