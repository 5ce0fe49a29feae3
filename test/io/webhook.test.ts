/** Against a real server: one that is slow, refuses, fails, or is not there. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.ts';
import { createWebhook, type Webhook } from '../../src/io/webhook.ts';
import { manualClock } from '../support/clock.ts';

interface Call {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
  readonly response: ServerResponse;
}

const calls: Call[] = [];
const onCall: ((call: Call) => void)[] = [];
let answer: (call: Call) => void = () => undefined;
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  let body = '';
  request.on('data', (part: Buffer) => {
    body += part.toString();
  });
  request.on('end', () => {
    const { method, url, headers } = request;
    const call = { method, url, type: headers['content-type'], body, response };
    calls.push(call);
    answer(call);
    onCall.shift()?.(call);
  });
});
let origin = '';
let hook: Webhook;

beforeEach(async () => {
  calls.length = 0;
  answer = ({ response }) => response.end();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  hook.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const nextCall = () => new Promise<Call>((resolve) => onCall.push(resolve));

async function settled(count: number): Promise<void> {
  const total = () => {
    const { sent, failed } = hook.status();
    return sent + failed;
  };
  while (total() < count) await new Promise(setImmediate);
}

describe('a webhook', () => {
  test('posts JSON, one at a time, in order', async () => {
    hook = createWebhook({ url: `${origin}/a/b?token=x`, clock: systemClock() });
    let open = 0;
    let most = 0;
    answer = ({ response }) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.writeHead(204).end();
      }, 10);
    };
    for (const n of [1, 2, 3]) hook.send({ n });
    await settled(3);
    expect(most).toBe(1);
    expect(calls.map(({ method, url, type, body }) => [method, url, type, body])).toEqual(
      [1, 2, 3].map((n) => ['POST', '/a/b?token=x', 'application/json', `{"n":${n}}`]),
    );
    expect(hook.status()).toEqual({ sent: 3, failed: 0, dropped: 0, last_error: null });
  });

  test.each([301, 404, 500])('an answer %d is a failure, and the next one goes on', async (status) => {
    hook = createWebhook({ url: `${origin}/secret`, clock: systemClock() });
    answer = ({ response }) => response.writeHead(calls.length === 1 ? status : 200).end('no');
    hook.send(1);
    hook.send(2);
    await settled(2);
    expect(hook.status()).toEqual({
      sent: 1,
      failed: 1,
      dropped: 0,
      last_error: `${status} ${origin} answered ${status}`,
    });
  });

  test('a server that does not answer is given up after five seconds', async () => {
    const clock = manualClock();
    hook = createWebhook({ url: `${origin}/secret`, clock });
    answer = () => undefined;
    const called = nextCall();
    hook.send(1);
    await called;
    clock.advance(4_999);
    expect(clock.pending()).toBe(1);
    clock.advance(1);
    await settled(1);
    expect(hook.status().last_error).toBe(`ETIMEDOUT ${origin}: no answer within 5000 ms`);
    expect(clock.pending()).toBe(0);
  });

  test('an answer whose text never ends is an answer, and is not listened to', async () => {
    hook = createWebhook({ url: origin, clock: systemClock() });
    const closed = new Promise((resolve) => {
      answer = ({ response }) => {
        response.once('close', resolve);
        response.writeHead(200).write('x');
      };
    });
    hook.send(1);
    await settled(1);
    await closed;
    expect(hook.status()).toMatchObject({ sent: 1, failed: 0 });
  });

  test('a server that hangs up, and one that is not there', async () => {
    hook = createWebhook({ url: origin, clock: systemClock() });
    answer = ({ response }) => response.destroy();
    hook.send(1);
    await settled(1);
    expect(hook.status().last_error).toMatch(/^ECONNRESET /);
    hook = createWebhook({ url: 'http://127.0.0.1:1/', clock: systemClock() });
    hook.send(1);
    await settled(1);
    expect(hook.status()).toMatchObject({ failed: 1, last_error: expect.stringMatching(/^ECONNREFUSED /) });
  });

  test('of too many that wait the oldest are left out, and counted', async () => {
    hook = createWebhook({ url: origin, clock: systemClock(), queue: 3 });
    const held: Call[] = [];
    answer = (call) => void held.push(call);
    const first = nextCall();
    for (let n = 0; n < 10; n++) hook.send(n);
    await first;
    expect(hook.status().dropped).toBe(6);
    answer = ({ response }) => response.end();
    held[0]?.response.end();
    await settled(4);
    expect(calls.map(({ body }) => body)).toEqual(['0', '7', '8', '9']);
  });

  test('the stop ends the one under way and leaves out the rest', async () => {
    hook = createWebhook({ url: origin, clock: systemClock() });
    answer = () => undefined;
    const called = nextCall();
    hook.send(1);
    hook.send(2);
    await called;
    hook.close();
    hook.send(3);
    await settled(1);
    expect(hook.status()).toMatchObject({ sent: 0, failed: 1, dropped: 1 });
    expect(calls).toHaveLength(1);
  });
});
