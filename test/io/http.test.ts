import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Located, VenueRest } from '../../src/core/venue.ts';
import { systemClock } from '../../src/io/clock.ts';
import { createHttp, type Http, type HttpOptions } from '../../src/io/http.ts';
import type { HttpFailure } from '../../src/io/send.ts';
import { rest as binance } from '../../src/venues/binance/rest.ts';
import { rest as bitflyer } from '../../src/venues/bitflyer/rest.ts';
import { rest as bybit } from '../../src/venues/bybit/rest.ts';
import { rest as okx } from '../../src/venues/okx/rest.ts';

const RESTS: Readonly<Record<string, VenueRest>> = { binance, bitflyer, bybit, okx };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const clock = systemClock();
let server: Server;
let base: string;
let asked: string[];
let handle: Handler;
const open: Http[] = [];

beforeEach(async () => {
  asked = [];
  handle = (_, response) => response.end('{}');
  server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    handle(incoming, response);
  });
  base = `http://127.0.0.1:${await listen(server)}`;
});

afterEach(async () => {
  for (const http of open.splice(0)) http.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function listen(one: Server): Promise<number> {
  return new Promise((resolve) => {
    one.listen(0, '127.0.0.1', () => resolve((one.address() as AddressInfo).port));
  });
}

function httpOf(id: string, options: Partial<HttpOptions> = {}, at = base): Http {
  const rest = RESTS[id];
  if (rest === undefined) throw new Error(`no venue ${id}`);
  const bases = rest.bases({ rest: at, futures_rest: at });
  const http = createHttp({ ccxtId: rest.ccxt, bases, timeoutMs: 5_000, clock, ...options });
  open.push(http);
  return http;
}

async function failureFrom(http: Http, method: string): Promise<HttpFailure> {
  const answer = await http.call(method, {});
  if (answer.ok) throw new Error(`a failure was expected, not ${answer.value.text}`);
  return answer.error;
}

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): Handler =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };

describe('a call', () => {
  it.each([
    [
      'binance',
      'publicGetDepth',
      { symbol: 'BTCUSDT', limit: 500 },
      '/api/v3/depth?symbol=BTCUSDT&limit=500',
    ],
    [
      'binance',
      'fapiPublicGetDepth',
      { symbol: 'BTCUSDT', limit: 100 },
      '/fapi/v1/depth?symbol=BTCUSDT&limit=100',
    ],
    [
      'binance',
      'publicGetExchangeInfo',
      { symbols: '["BTCUSDT","ETHUSDT"]' },
      '/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D',
    ],
    ['binance', 'fapiPublicGetExchangeInfo', {}, '/fapi/v1/exchangeInfo'],
    [
      'bybit',
      'publicGetV5MarketInstrumentsInfo',
      { category: 'linear', symbol: 'BTCUSDT' },
      '/v5/market/instruments-info?category=linear&symbol=BTCUSDT',
    ],
    [
      'okx',
      'publicGetPublicInstruments',
      { instType: 'SWAP', instId: 'BTC-USDT-SWAP' },
      '/api/v5/public/instruments?instType=SWAP&instId=BTC-USDT-SWAP',
    ],
    ['bitflyer', 'publicGetGetmarkets', {}, '/v1/getmarkets'],
  ])('of %s %s asks for the venue’s own path', async (id, method, params, path) => {
    handle = answering(200, id === 'bitflyer' ? '[]' : '{"code":"0","retCode":0}');
    expect(await httpOf(id).call(method, params)).toMatchObject({ ok: true, value: { status: 200 } });
    expect(asked).toEqual([path]);
  });

  it('goes under a prefix that an endpoint has', async () => {
    await httpOf('okx', {}, `${base}/proxy/okx`).call('publicGetPublicInstruments', { instType: 'SPOT' });
    expect(asked).toEqual(['/proxy/okx/api/v5/public/instruments?instType=SPOT']);
  });

  it('is known to ccxt for every call that a venue declares', async () => {
    const located: readonly Located[] = [
      { symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot' },
      { symbol: 'BTC/USDT:USDT', id: 'BTCUSDT', market: 'linear' },
    ];
    for (const [id, rest] of Object.entries(RESTS)) {
      const http = httpOf(id);
      const depths = located.flatMap((one) => rest.depth(one, 200) ?? []);
      for (const { method, params } of [...rest.instruments(located), ...depths]) {
        const answer = await http.call(method, params);
        expect(answer.ok ? '' : answer.error.code, `${id} ${method}`).not.toBe('unknown_endpoint');
      }
    }
  });

  it('gives the text untouched, plain or compressed: big integers, digits, blanks, other scripts', async () => {
    const text = ' {"id":12345678901234567890, "px":5867768.0,"qty":1E-8,"sz":"0.10000000", "name":"円"}\n';
    const http = httpOf('bitflyer');
    const before = clock.wallUs();
    for (const [body, headers] of [
      [text, {}],
      [gzipSync(text), { 'content-encoding': 'gzip' }],
    ] as const) {
      handle = (_, response) => response.writeHead(200, { 'X-Used': '7', ...headers }).end(body);
      const answer = await http.call('publicGetGetmarkets', {});
      expect(answer).toMatchObject({ ok: true, value: { text, status: 200, headers: { 'x-used': '7' } } });
      expect(answer.ok && answer.value.localUs >= before && answer.value.localUs <= clock.wallUs()).toBe(
        true,
      );
    }
  });

  it('keeps its own text, status and headers among others in flight on one client', async () => {
    handle = (incoming, response) => {
      const n = Number(new URL(incoming.url ?? '', base).searchParams.get('n'));
      // The later asked, the earlier answered; every third is refused.
      setTimeout(
        () =>
          response
            .writeHead(n % 3 === 0 ? 429 : 200, { n: `${n}`, 'retry-after': `${n + 1}` })
            .end(`{"n":${n}}`),
        (20 - n) * 5,
      );
    };
    const http = httpOf('binance');
    await http.call('publicGetDepth', { n: 20 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        http.call(n % 2 === 0 ? 'publicGetDepth' : 'fapiPublicGetDepth', { n }),
      ),
    );
    answers.forEach((answer, n) => {
      const own = { text: `{"n":${n}}`, headers: { n: `${n}` } };
      if (n % 3 === 0) {
        expect(answer).toMatchObject({
          ok: false,
          error: { code: '429', answer: { ...own, headers: { n: `${n}`, 'retry-after': `${n + 1}` } } },
        });
      } else {
        expect(answer).toMatchObject({ ok: true, value: own });
      }
    });
  });

  it('is not held back by ccxt’s own throttle', async () => {
    const http = httpOf('bitflyer');
    await http.call('publicGetGetmarkets', {});
    const started = clock.monoMs();
    await Promise.all(Array.from({ length: 20 }, () => http.call('publicGetGetmarkets', {})));
    // With ccxt's throttle 20 calls to bitFlyer take 20 s.
    expect(clock.monoMs() - started).toBeLessThan(3_000);
  });

  it.each(['privateGetGetbalance', 'privatePostSendchildorder', 'publicGetNothing', 'fetchTicker', 'close'])(
    'to %s is refused and nothing is sent',
    async (method) => {
      expect(await failureFrom(httpOf('bitflyer'), method)).toMatchObject({
        code: 'unknown_endpoint',
        retry: 'never',
        sent: false,
      });
      expect(asked).toEqual([]);
    },
  );
});

describe('an error answer', () => {
  it('429 carries the venue’s own code, its headers and its text', async () => {
    const body = '{"code":-1003,"msg":"Too many requests."}';
    handle = answering(429, body, { 'Retry-After': '17' });
    expect(await failureFrom(httpOf('binance'), 'publicGetDepth')).toMatchObject({
      code: '429',
      venueCode: '-1003',
      retry: 'later',
      sent: true,
      answer: { status: 429, text: body, headers: { 'retry-after': '17' } },
    });
  });

  it.each([
    ['binance', 'fapiPublicGetDepth', 418, '{"code":-1003,"msg":"banned"}', '418', '-1003', 'later'],
    ['bybit', 'publicGetV5MarketInstrumentsInfo', 403, 'access too frequent', '403', null, 'later'],
    [
      'bybit',
      'publicGetV5MarketInstrumentsInfo',
      200,
      '{"retCode":10006,"retMsg":"Too many visits!"}',
      '10006',
      '10006',
      'later',
    ],
    [
      'bybit',
      'publicGetV5MarketInstrumentsInfo',
      200,
      '{"retCode":10429,"retMsg":"protection"}',
      '10429',
      '10429',
      'later',
    ],
    [
      'bybit',
      'publicGetV5MarketInstrumentsInfo',
      200,
      '{"retCode":10001,"retMsg":"params error"}',
      '10001',
      '10001',
      'never',
    ],
    [
      'okx',
      'publicGetPublicInstruments',
      200,
      '\n{"code":"50011","msg":"Too Many Requests","data":[]} ',
      '50011',
      '50011',
      'later',
    ],
    [
      'okx',
      'publicGetPublicInstruments',
      429,
      '{"code":"50011","msg":"Too Many Requests","data":[]}',
      '429',
      '50011',
      'later',
    ],
    [
      'okx',
      'publicGetPublicInstruments',
      503,
      '{"code":"50013","msg":"busy","data":[]}',
      '50013',
      '50013',
      'later',
    ],
    ['binance', 'publicGetDepth', 400, '{"code":-1121,"msg":"Invalid symbol."}', '-1121', '-1121', 'never'],
    [
      'bitflyer',
      'publicGetGetmarkets',
      200,
      '{"status":-2,"error_message":"Under maintenance","data":null}',
      '-2',
      '-2',
      'later',
    ],
    ['binance', 'publicGetDepth', 502, '<html>Bad gateway</html>', '502', null, 'later'],
    ['binance', 'publicGetDepth', 302, '', '302', null, 'later'],
  ])('%s %s %i %s is %s', async (id, method, status, text, code, venueCode, retry) => {
    handle = answering(status, text, status === 302 ? { location: `${base}/elsewhere` } : {});
    expect(await failureFrom(httpOf(id), method)).toMatchObject({
      code,
      venueCode,
      sent: true,
      retry,
      answer: { status, text },
    });
    expect(asked).toHaveLength(1);
  });
});

describe('no answer', () => {
  const failing = (http: Http) => failureFrom(http, 'publicGetDepth');

  it('ECONNREFUSED where nobody listens', async () => {
    const none = createServer();
    const port = await listen(none);
    await new Promise((resolve) => none.close(resolve));
    for (const host of ['127.0.0.1', 'localhost']) {
      const http = httpOf('binance', {}, `http://user:secret@${host}:${port}`);
      const failed = await failing(http);
      expect(failed).toMatchObject({ code: 'ECONNREFUSED', retry: 'later', sent: true, answer: null });
      expect(failed.message).not.toContain('secret');
    }
  });

  it('ENOTFOUND for a host that does not exist', async () => {
    // A label of more than 63 characters is refused by the system's own resolver: no name server is asked.
    const failed = await failing(httpOf('binance', {}, `http://${'x'.repeat(64)}.invalid`));
    expect(failed).toMatchObject({ code: 'ENOTFOUND', retry: 'later', answer: null });
  });

  it.each([
    ['before its headers', 'nothing'],
    ['within its body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"bids":['],
    ['within a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{"bids":[\r\n'],
  ])('ECONNRESET when the connection is closed %s', async (_, bytes) => {
    handle = ({ socket }) => {
      socket.end(bytes === 'nothing' ? '' : bytes);
    };
    expect(await failing(httpOf('binance'))).toMatchObject({ code: 'ECONNRESET', answer: null });
  });

  it('is a failure when a compressed body breaks off', async () => {
    const whole = gzipSync(
      JSON.stringify({ bids: Array.from({ length: 500 }, (_, n) => [`${n * 7919}`, '1']) }),
    );
    handle = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': whole.length });
      response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
    };
    expect((await failing(httpOf('binance'))).answer).toBeNull();
    handle = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(whole.subarray(0, whole.length >> 1));
    };
    expect(await failing(httpOf('binance'))).toMatchObject({ code: 'Z_BUF_ERROR', answer: null });
  });

  it.each([
    ['no headers come', ''],
    ['the body stops', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"bids":['],
    ['the body drips', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ])('ETIMEDOUT when %s', async (what, bytes) => {
    const dripping: NodeJS.Timeout[] = [];
    handle = ({ socket }) => {
      socket.write(bytes);
      if (what.endsWith('drips')) dripping.push(setInterval(() => socket.write('1\r\n \r\n'), 20));
    };
    const http = httpOf('binance', { timeoutMs: 300 });
    await failureFrom(http, 'publicGetNothing');
    const started = clock.monoMs();
    expect(await failing(http)).toMatchObject({ code: 'ETIMEDOUT', retry: 'later', answer: null });
    for (const timer of dripping) clearInterval(timer);
    expect(clock.monoMs() - started).toBeGreaterThanOrEqual(295);
    expect(clock.monoMs() - started).toBeLessThan(2_000);
  });

  it('ends with `aborted` when the client is closed, and later calls are not sent', async () => {
    const arrived = new Promise<void>((resolve) => {
      handle = () => resolve();
    });
    const http = httpOf('binance');
    const call = failing(http);
    await arrived;
    http.close();
    expect(await call).toMatchObject({ code: 'aborted', retry: 'never', sent: true });
    expect(await failing(http)).toMatchObject({ code: 'aborted', sent: false });
    expect(asked).toHaveLength(1);
  });

  it('says so when ccxt has no such exchange', async () => {
    for (const ccxtId of ['nowhere', '../../package']) {
      const http = createHttp({ ccxtId, bases: {}, timeoutMs: 1_000, clock });
      expect(await failing(http)).toMatchObject({ retry: 'never', answer: null });
      expect(await http.ready()).toMatchObject({ ok: false, error: { retry: 'never' } });
    }
  });
});

describe('ccxt', () => {
  const built = new URL('../../dist/src/io/http.js', import.meta.url);

  it.skipIf(!existsSync(built))(
    'is loaded at the first call, one exchange’s module, by plain node',
    async () => {
      handle = answering(200, '{"lastUpdateId":1}');
      // The hook tells of each module of ccxt as it is loaded.
      const hook = `import { writeSync } from 'node:fs';
      export async function load(url, context, next) {
        const at = url.indexOf('/ccxt/js/');
        if (at >= 0) writeSync(1, url.slice(at + 9) + String.fromCharCode(10));
        return next(url, context);
      }`;
      const program = `import { register } from 'node:module';
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
      const { createHttp } = await import(${JSON.stringify(built.href)});
      const { systemClock } = await import(${JSON.stringify(new URL('clock.js', built).href)});
      const bases = { public: ${JSON.stringify(`${base}/api/v3`)} };
      const http = createHttp({ ccxtId: 'binance', bases, timeoutMs: 5000, clock: systemClock() });
      console.log('created');
      const answer = await http.call('publicGetDepth', {});
      console.log('answered ' + answer.ok);`;
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '--eval',
        program,
      ]);
      const lines = stdout.trim().split('\n');
      expect(lines[0]).toBe('created');
      expect(lines.at(-1)).toBe('answered true');
      expect(lines.filter((line) => /^(src\/[a-z0-9]+|ccxt)\.js$/.test(line))).toEqual(['src/binance.js']);
    },
  );
});

describe('a proxy', () => {
  it('is used, with its user and secret', async () => {
    handle = answering(200, '{"lastUpdateId":1}');
    const tunnels: string[] = [];
    const sockets: Socket[] = [];
    const seen = (incoming: IncomingMessage, to: string) =>
      tunnels.push(
        `${to} ${Buffer.from((incoming.headers['proxy-authorization'] ?? '').slice(6), 'base64')}`,
      );
    const proxy = createServer((incoming, response) => {
      seen(incoming, new URL(incoming.url ?? '').host);
      incoming.pipe(
        request(incoming.url ?? '', (answer) => {
          response.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(response);
        }),
      );
    });
    proxy.on('connect', (incoming: IncomingMessage, client: Socket) => {
      seen(incoming, incoming.url ?? '');
      const [host, port] = (incoming.url ?? '').split(':');
      const onward = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(onward).pipe(client);
      });
      sockets.push(onward, client);
    });
    const port = await listen(proxy);
    try {
      const http = httpOf('binance', { proxy: `http://user:secret@127.0.0.1:${port}` });
      expect(await http.call('publicGetDepth', { symbol: 'BTCUSDT' })).toMatchObject({
        ok: true,
        value: { text: '{"lastUpdateId":1}' },
      });
      expect(tunnels).toEqual([`${new URL(base).host} user:secret`]);
      expect(asked).toEqual(['/api/v3/depth?symbol=BTCUSDT']);
    } finally {
      for (const http of open.splice(0)) http.close();
      for (const socket of sockets) socket.destroy();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });
});
