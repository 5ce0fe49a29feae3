import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Failure } from '../../src/core/result.ts';
import { systemClock } from '../../src/io/clock.ts';
import { openSocket } from '../../src/io/socket.ts';
import { until } from '../support/collector.ts';

const clock = systemClock();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A real server; `onClient` plays it. */
async function server(onClient: (client: WebSocket) => void): Promise<string> {
  const made = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => made.once('listening', resolve));
  made.on('connection', onClient);
  cleanups.push(() => {
    for (const client of made.clients) client.terminate();
    made.close();
  });
  return `ws://127.0.0.1:${(made.address() as AddressInfo).port}/ws`;
}

/** A server that speaks no WebSocket. */
async function rawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const made: Server = createServer(onSocket);
  await new Promise<void>((resolve) => {
    made.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => made.close());
  return `ws://127.0.0.1:${(made.address() as AddressInfo).port}/ws`;
}

function open(url: string, limits?: Parameters<typeof openSocket>[3]) {
  const seen = {
    opened: 0,
    frames: [] as string[],
    times: [] as number[],
    signs: 0,
    closes: [] as Failure[],
  };
  const source = openSocket(
    url,
    clock,
    {
      onOpen: () => {
        seen.opened += 1;
      },
      onFrame(text, localUs) {
        seen.frames.push(text);
        seen.times.push(localUs);
      },
      onSign: () => {
        seen.signs += 1;
      },
      onClose: (why) => seen.closes.push(why),
    },
    limits,
  );
  cleanups.push(() => source.close('at once'));
  return { ...seen, seen, source };
}

describe('frames', () => {
  test('texts in order, each with its time of receipt; a binary frame is its text', async () => {
    const url = await server((client) => {
      client.send('one');
      client.send(Buffer.from('twö'), { binary: true });
      client.send('');
    });
    const before = clock.wallUs();
    const { seen } = open(url);
    await until('three frames', () => seen.frames.length === 3);
    expect(seen.frames).toEqual(['one', 'twö', '']);
    expect([...seen.times].sort()).toEqual(seen.times);
    expect(seen.times[0]).toBeGreaterThan(before - 5_000);
    expect(seen.times[2]).toBeLessThanOrEqual(clock.wallUs() + 5_000);
  });

  test('what we say arrives; before the opening and after the end it is refused, and not thrown', async () => {
    const heard: string[] = [];
    const url = await server((client) => client.on('message', (data) => heard.push(String(data))));
    const { seen, source } = open(url);
    expect(source.send('early')).toMatchObject({ ok: false, error: { code: 'not_open' } });
    await until('it is open', () => seen.opened === 1);
    expect(source.send('hello').ok).toBe(true);
    await until('it is heard', () => heard.length === 1);
    source.close('politely');
    await until('it is closed', () => seen.closes.length === 1);
    expect(source.send('late').ok).toBe(false);
    expect(heard).toEqual(['hello']);
  });

  test('a ping of the server is a sign of life, and is answered with its payload', async () => {
    const pongs: string[] = [];
    const url = await server((client) => {
      client.on('pong', (data) => pongs.push(String(data)));
      client.ping('4711');
    });
    const { seen } = open(url);
    await until('the pong', () => pongs.length === 1);
    expect([pongs, seen.signs, seen.frames]).toEqual([['4711'], 1, []]);
  });
});

describe('the end is told once, with its reason', () => {
  async function endOf(url: string, limits?: Parameters<typeof openSocket>[3]): Promise<Failure> {
    const { seen } = open(url, limits);
    await until('it is closed', () => seen.closes.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen.closes).toHaveLength(1);
    return seen.closes[0] as Failure;
  }

  test('a code and a reason of the server', async () => {
    const url = await server((client) => client.close(4_008, 'service upgrade'));
    expect(await endOf(url)).toMatchObject({
      code: 'ws 4008',
      message: 'closed by the server (service upgrade)',
    });
  });

  test('a code without a reason', async () => {
    expect(await endOf(await server((client) => client.close(1_001)))).toMatchObject({
      code: 'ws 1001',
      message: 'closed by the server',
    });
  });

  test('a server that hangs up without a close frame', async () => {
    const url = await server((client) => client.terminate());
    expect(await endOf(url)).toMatchObject({ code: 'closed', message: 'without a close frame' });
  });

  test('a half-close: the server ends its side of the line and says nothing', async () => {
    const url = await server((client) => {
      const { _socket: line } = client as unknown as { readonly _socket: Socket };
      line.end();
    });
    expect(await endOf(url)).toMatchObject({ code: 'closed' });
  });

  test('nobody listens', async () => {
    const url = await server(() => undefined);
    for (const cleanup of cleanups.splice(0)) cleanup();
    expect(await endOf(url)).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a page in place of a WebSocket', async () => {
    const url = await rawServer((socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    const why = await endOf(url);
    expect(why.message).toContain('403');
  });

  test('a handshake that never ends', async () => {
    const url = await rawServer(() => undefined);
    const why = await endOf(url, { handshakeMs: 100, frameBytes: 1_000 });
    expect(why.message).toContain('handshake has timed out');
  });

  test('a frame that is too large: it is not read, and ends the connection', async () => {
    const url = await server((client) => client.send('x'.repeat(2_000)));
    const { seen } = open(url, { handshakeMs: 1_000, frameBytes: 1_000 });
    await until('it is closed', () => seen.closes.length > 0);
    expect(seen.frames).toEqual([]);
    expect(seen.closes).toMatchObject([{ message: expect.stringMatching(/payload|1009|too/i) }]);
  });

  test('our own close, politely and at once; no frame after either', async () => {
    for (const how of ['politely', 'at once'] as const) {
      let flood: ReturnType<typeof setInterval> | undefined;
      const url = await server((client) => {
        flood = setInterval(() => client.send('x'), 1);
      });
      const { seen, source } = open(url);
      await until('frames', () => seen.frames.length > 2);
      source.close(how);
      await until('it is closed', () => seen.closes.length === 1);
      const { length } = seen.frames;
      await new Promise((resolve) => setTimeout(resolve, 20));
      clearInterval(flood);
      expect([seen.frames.length, seen.closes.length]).toEqual([length, 1]);
    }
  });

  test('a close while it is still opening', async () => {
    const { seen, source } = open(await rawServer(() => undefined));
    source.close('politely');
    await until('it is closed', () => seen.closes.length === 1);
    expect([seen.opened, seen.closes.length]).toEqual([0, 1]);
  });
});
