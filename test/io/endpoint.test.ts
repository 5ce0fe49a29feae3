/** Real requests over real sockets. */

import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Endpoint, openEndpoint } from '../../src/io/endpoint.ts';

const failures: string[] = [];
const PATHS = {
  '/plain': () => ({ status: 200, type: 'text/plain; charset=utf-8', body: 'é\n' }),
  '/later': async () => ({ status: 503, type: 'application/json', body: '{}\n' }),
  '/bug': () => {
    throw new Error('a bug');
  },
};

let endpoint: Endpoint;
beforeAll(async () => {
  const opened = await openEndpoint({
    host: '127.0.0.1',
    port: 0,
    paths: PATHS,
    onError: (what, thrown) => failures.push(`${what}: ${String(thrown)}`),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  endpoint = opened.value;
});
afterAll(() => endpoint.close());

interface Got {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(
  path: string,
  { method = 'GET', host, body = '' }: { method?: string; host?: string; body?: string } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = { ...(host !== undefined && { host }), ...(body && { 'content-length': body.length }) };
    const sent = request(`${endpoint.url}${path}`, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What comes back for raw bytes, until the other side closes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(endpoint.url).port), '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

describe('what it gives', () => {
  test('the answer of the path, whatever the query; nothing is kept by caches', async () => {
    const got = await ask('/plain?x=1');
    expect([got.status, got.body]).toEqual([200, 'é\n']);
    expect(got.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '3',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(await ask('/later')).toMatchObject({ status: 503, body: '{}\n' });
  });

  test.each(['/', '/plain/', '/constructor', '/__proto__', '/..%2fplain', '//plain'])(
    '%s is 404',
    async (path) => {
      expect(await ask(path)).toMatchObject({ status: 404, body: 'here are /plain /later /bug\n' });
    },
  );

  test('a bug is told and answered with 500, without its text', async () => {
    expect(await ask('/bug')).toMatchObject({ status: 500, body: 'failed\n' });
    expect(failures).toEqual(['/bug: Error: a bug']);
  });
});

describe('what it refuses', () => {
  test.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('%s', async (method) => {
    const got = await ask('/plain', { method });
    expect([got.status, got.headers.allow]).toEqual([405, 'GET']);
  });

  test('a body', async () => {
    expect(await ask('/plain', { body: 'x' })).toMatchObject({ status: 413 });
    const chunked =
      'GET /plain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';
    expect(await raw(chunked)).toMatch(/^HTTP\/1.1 413 /);
  });

  test.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '10.0.0.1', '127.0.0.1:9464@x'])(
    'the host %j: a page of another site, by a name that leads here',
    async (host) => {
      expect((await ask('/plain', { host })).status).toBe(403);
    },
  );

  test('a request without a host, and what is no HTTP', async () => {
    expect(await raw('GET /plain HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw('GET /plain HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /);
    expect(await raw('GET /plain HTTP/1.1\r\nHost:\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /);
    expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    const bare = 'GET constructor HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    expect(await raw(bare)).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw(`GET /plain HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]', '[::1]:9464'])(
    'but not the host %s',
    async (host) => expect((await ask('/plain', { host })).status).toBe(200),
  );

  test('an address of another machine', async () => {
    const opened = await openEndpoint({ host: '0.0.0.0', port: 0, paths: {}, onError: () => undefined });
    expect(opened).toMatchObject({ ok: false, error: { code: 'not_loopback' } });
  });
});

test('a port that is taken is a failure', async () => {
  const port = Number(new URL(endpoint.url).port);
  const second = await openEndpoint({ host: '127.0.0.1', port, paths: {}, onError: () => undefined });
  expect(second).toMatchObject({ ok: false, error: { code: 'EADDRINUSE' } });
  expect((await ask('/plain')).status).toBe(200);
});

test('the end does not wait for an answer that is under way', async () => {
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const hang = () => {
    asked();
    return new Promise<never>(() => undefined);
  };
  const opened = await openEndpoint({
    host: '127.0.0.1',
    port: 0,
    paths: { '/': hang },
    onError: () => undefined,
  });
  if (!opened.ok) throw new Error(opened.error.message);
  const socket = connect(Number(new URL(opened.value.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await isAsked;
  await opened.value.close();
  await ended;
}, 5_000);
