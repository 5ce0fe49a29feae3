/** Faults by HTTP, on loopback: asked for, looked at and taken back while the simulator runs. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Note } from './journal.ts';
import type { World } from './world.ts';

export type Controlled = Pick<World, 'addFault' | 'faults' | 'clearFaults' | 'pause' | 'resume'>;

export interface Control {
  /** `http://127.0.0.1:9101` */
  readonly url: string;
  stop(): Promise<void>;
}

interface Said {
  readonly status: number;
  readonly body: object;
}

/** A page of another site reaches loopback by a name of its own that leads here (DNS rebinding): only these are served. */
const HOSTS = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
const MOST_BYTES = 64 * 1024;
const TIMEOUT_MS = 5_000;

const said = (status: number, body: object): Said => ({ status, body });
const refused = (status: number, message: string): Said => said(status, { error: message });

/** Port 0 takes any free one. Fails with the system's code where the port is taken. */
export function startControl(world: Controlled, port: number, note: Note): Promise<Result<Control>> {
  const host = '127.0.0.1';
  const server = createServer(
    { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    (request, response) => {
      void answerTo(world, request).then((answer) => give(response, answer));
    },
  );
  return new Promise((resolve) => {
    server.on('error', (thrown) => {
      if (server.listening) note('none', 'control', { error: failureOf(thrown).code });
      else if ('code' in thrown && thrown.code === 'EADDRINUSE')
        resolve(
          err(
            failure(
              'EADDRINUSE',
              `port ${port} of ${host} is in use: choose another with --control`,
              'never',
            ),
          ),
        );
      else resolve(err(failureOf(thrown)));
    });
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve(
        ok({
          url: `http://${host}:${bound}`,
          stop: () =>
            new Promise((stopped) => {
              server.close(() => stopped());
              server.closeAllConnections();
            }),
        }),
      );
    });
  });
}

async function answerTo(world: Controlled, request: IncomingMessage): Promise<Said> {
  const { method = '', headers } = request;
  // Browsers name the page that asks, and nothing of a page is wanted here.
  if (!HOSTS.test(headers.host ?? '') || headers.origin !== undefined)
    return refused(403, 'only programs of this machine are served');
  const path = (request.url ?? '').split('?')[0] ?? '';
  switch (`${method} ${path}`) {
    case 'GET /faults':
      return said(200, { faults: world.faults() });
    case 'DELETE /faults':
      world.clearFaults();
      return said(200, { faults: [] });
    case 'POST /faults':
      return addFault(world, await bodyOf(request));
    case 'POST /pause':
      world.pause();
      return said(200, { paused: true });
    case 'POST /resume':
      world.resume();
      return said(200, { paused: false });
    default:
      return refused(404, 'here are GET, POST, DELETE /faults, POST /pause, POST /resume');
  }
}

function addFault(world: Controlled, body: Result<string>): Said {
  if (!body.ok) return refused(413, body.error.message);
  let value: unknown;
  try {
    value = JSON.parse(body.value);
  } catch (thrown) {
    return refused(400, `not JSON: ${failureOf(thrown).message}`);
  }
  const added = world.addFault(value);
  return added.ok ? said(201, added.value) : refused(400, added.error.message);
}

/** Fails where it is too large, or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<Result<string>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES)
        return err(failure('too_large', `at most ${MOST_BYTES} bytes are taken`, 'never'));
      chunks.push(chunk);
    }
  } catch (thrown) {
    return err(failureOf(thrown));
  }
  return ok(Buffer.concat(chunks).toString('utf8'));
}

function give(response: ServerResponse, { status, body }: Said): void {
  // One that went away is no matter.
  response.on('error', () => undefined);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    // What else a refused one sends is not read.
    ...(status >= 400 && { Connection: 'close' }),
  });
  response.end(`${JSON.stringify(body)}\n`);
}
