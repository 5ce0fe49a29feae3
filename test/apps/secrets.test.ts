/** A real collector whose settings and environment are full of secrets, and whose servers repeat them. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Run, startCollector, until } from '../support/collector.ts';
import { PROJECT } from '../support/place.ts';

const SECRET = {
  user: 'prox1-user',
  password: 'pr0xy-pa55',
  rest: 'r3st-t0k3n',
  ws: 'w5-t0k3n',
  hook: 'h00k-t0k3n',
};
const root = mkdtempSync(join(tmpdir(), 'tapedeck-secrets-'));
const servers: Server[] = [];
let run: Run | null = null;
afterAll(() => {
  run?.process.kill('SIGKILL');
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(root, { recursive: true });
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

const filesUnder = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

function textOf(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

test('no secret stands in any log, file of the status, or line', async () => {
  const hooked: string[] = [];
  const restPort = await listen(
    createServer((request, response) => response.writeHead(500).end(`no ${request.url} here`)),
  );
  const hookPort = await listen(
    createServer((request, response) => {
      hooked.push(request.url ?? '');
      response.writeHead(500).end();
    }),
  );
  const passed: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    passed.push(request.headers['proxy-authorization'] ?? '');
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    for (const one of [socket, upstream]) one.on('error', () => undefined);
  });
  const proxyPort = await listen(proxy);
  const wsServer = createServer();
  new WebSocketServer({ server: wsServer }).on('connection', (socket, request) =>
    socket.close(1008, `not at ${request.url}`.slice(0, 120)),
  );
  const wsPort = await listen(wsServer);

  const endpoints = {
    rest: `http://127.0.0.1:${restPort}/${SECRET.rest}`,
    ws: `ws://127.0.0.1:${wsPort}/${SECRET.ws}`,
  };
  const webhook = `http://127.0.0.1:${hookPort}/${SECRET.hook}`;
  const env = { HTTPS_PROXY: `http://${SECRET.user}:${SECRET.password}@127.0.0.1:${proxyPort}` };
  const around = { settings: { health: { webhook }, runtime: { mode: 'DEBUG' } } };
  const feeds = { orderbook: { capture: true } };
  run = startCollector(root, { okx: { endpoints, feeds } }, [], env, around);
  const status = (): string => readFileSync(join(root, 'data/collector/status.json'), 'utf8');
  await until('it is in trouble', () => {
    const text = run?.lines.join('\n') ?? '';
    if (!text.includes('[START]') || hooked.length === 0) return false;
    return status().includes('not at') && status().includes('HTTP 500') && status().includes('answered 500');
  });
  run.process.kill('SIGTERM');
  expect(await run.exit).toBe(0);

  // All of them were used.
  expect(Buffer.from(passed[0]?.split(' ')[1] ?? '', 'base64').toString()).toBe(
    `${SECRET.user}:${SECRET.password}`,
  );
  expect(hooked[0]).toBe(`/${SECRET.hook}`);
  const said = [...run.lines, ...run.errors].join('\n');
  expect(said).toMatch(
    /\[NG\] preflight: okx\.ticker\.preflight 500 .*no \/\*\*\*\/api\/v5\/public\/instruments\?\S+ here/,
  );
  const files = [...filesUnder(join(root, 'data')), ...filesUnder(join(root, 'logs'))];
  expect(files.length).toBeGreaterThan(5);
  const basic = Buffer.from(`${SECRET.user}:${SECRET.password}`).toString('base64');
  for (const secret of [...Object.values(SECRET), basic]) {
    expect(said).not.toContain(secret);
    for (const file of files) expect([file, textOf(file).includes(secret)]).toEqual([file, false]);
  }
  const captured = files.filter((file) => file.includes('/capture/')).map(textOf);
  expect(captured.join('')).toContain(`"addr":"ws://127.0.0.1:${wsPort}/***/ws/v5/public"`);
  expect(captured.join('')).toMatch(/"t":"close",.*not at \/\*\*\*\/ws\/v5\/public/);
  const [log = ''] = filesUnder(join(root, 'logs'));
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const bound = lines.map((line) => JSON.parse(line) as { venue?: string; worker?: string; type?: string });
  expect(bound).toContainEqual(
    expect.objectContaining({ venue: 'okx', worker: 'okx.trades', type: 'reconnect' }),
  );
  expect(bound).toContainEqual(expect.objectContaining({ venue: 'okx', type: 'preflight' }));

  const cli = join(PROJECT, 'dist/ops/cli.js');
  const print = spawnSync(
    process.execPath,
    [cli, 'config', 'print', '--config', join(root, 'settings.yaml')],
    {
      encoding: 'utf8',
    },
  );
  expect(print.stdout).toContain(`webhook: http://127.0.0.1:${hookPort}/***`);
  expect(print.stdout).not.toContain(SECRET.hook);
}, 60_000);
