/** `tapedeck sim` as it is run: by hand, and as a forked child. */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { runSim } from '../../src/apps/sim.ts';
import { MIXES } from '../../src/sim/random-faults.ts';
import { PROJECT } from '../support/place.ts';
import type { Json } from './bench.ts';

const root = mkdtempSync(join(tmpdir(), 'tapedeck-sim-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<Json>;
  readonly exit: Promise<number | null>;
  readonly said: string[];
}

function start(...args: readonly string[]): Child {
  const child = fork(join(PROJECT, 'dist/ops/cli.js'), ['sim', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => said.push(...chunk.toString().split('\n').filter(Boolean)));
  return {
    process: child,
    said,
    exit: new Promise((resolve) => child.once('exit', resolve)),
    ready: new Promise((resolve) => child.once('message', resolve)),
  };
}

describe('as a process', () => {
  test('says what it serves, writes settings and the journal, stops on SIGTERM with 0', async () => {
    const [settings, journal] = [join(root, 'settings.yaml'), join(root, 'journal.jsonl')];
    const args = ['--venues', 'okx,bybit', '--rate', '20', '--settings', settings, '--journal', journal];
    const child = start(...args);
    const { type, endpoints } = await child.ready;
    expect([type, Object.keys(endpoints).sort()]).toEqual(['ready', ['bybit', 'okx']]);
    const written = parse(readFileSync(settings, 'utf8')) as Json;
    expect(written.venues.okx).toEqual({ endpoints: endpoints.okx });
    expect(written.venues.binance).toEqual({ enabled: false });
    const socket = new WebSocket(`${endpoints.okx.ws}/ws/v5/public`);
    socket.on('open', () =>
      socket.send('{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}'),
    );
    let received = 0;
    await new Promise<void>((resolve) => {
      socket.on('message', () => {
        received += 1;
        if (received === 10) resolve();
      });
    });
    child.process.kill('SIGTERM');
    expect(await child.exit).toBe(0);
    expect(child.said.join('\n')).toMatch(/\[START\] simulator on 127\.0\.0\.1:\d+, rate 20, seed 1/);
    expect(child.said.join('\n')).toContain(`okx: ${endpoints.okx.rest}`);
    expect(child.said.at(-1)).toBe('[EXIT simulator]');
    const lines = readFileSync(journal, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(lines[0]).toMatchObject({ venue: 'okx', connect: '/okx/ws/v5/public' });
    expect(lines.filter((line) => line.feed === 'orderbook').length).toBeGreaterThanOrEqual(9);
  }, 20_000);

  test('ends when its parent lets go; pause and resume by message', async () => {
    const child = start('--rate', '50');
    const { endpoints } = await child.ready;
    let received = 0;
    const socket = new WebSocket(`${endpoints.binance.ws}/ws/btcusdt@bookTicker`);
    socket.on('error', () => undefined);
    socket.on('message', () => {
      received += 1;
    });
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(() => received > 10);
    child.process.send({ type: 'pause' });
    let before = -1;
    // Still for a while: what was under way has come.
    while (before !== received) {
      before = received;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    child.process.send({ type: 'resume' });
    await until(() => received > before);
    child.process.disconnect();
    expect(await child.exit).toBe(0);
  }, 20_000);

  test('faults by option, by HTTP and by chance, on real sockets; the trades of the market in the journal', async () => {
    const journal = join(root, 'faults.jsonl');
    const child = start(
      ...[
        '--venues',
        'okx,binance',
        '--rate',
        '20',
        '--journal',
        journal,
        '--journal-market',
        '--control',
        '0',
      ],
      ...['--fault', 'okx:oversized:ticker', '--fault', 'binance:refuse_connect:status=429'],
      ...[
        '--fault',
        'binance:half_open:path=/api/v3/time',
        '--fault',
        'binance:status:status=418:retryAfter=9',
      ],
      ...['--fault-rate', '600', '--fault-mix', 'messages', '--fault-seed', '5'],
    );
    const { endpoints, control } = await child.ready;
    expect(child.said.at(-1)).toBe(`control on ${control}`);
    const ended = (socket: WebSocket) =>
      new Promise<string>((resolve) => {
        socket.on('error', (thrown) => resolve(thrown.message));
        socket.on('close', (code) => resolve(`closed ${code}`));
      });
    const hello = '{"op":"subscribe","args":[{"channel":"tickers","instId":"BTC-USDT"}]}';
    const open = () => {
      const socket = new WebSocket(`${endpoints.okx.ws}/ws/v5/public`, { maxPayload: 16 * 1024 * 1024 });
      socket.on('open', () => socket.send(hello));
      return socket;
    };
    expect(await ended(open())).toBe('Max payload size exceeded');
    expect(await ended(new WebSocket(`${endpoints.binance.ws}/ws`))).toBe('Unexpected server response: 429');
    const headers = await fetch(`${endpoints.binance.rest}/api/v3/time`);
    expect(headers.status).toBe(200);
    expect(
      await Promise.race([headers.text(), new Promise((resolve) => setTimeout(resolve, 300, 'nothing'))]),
    ).toBe('nothing');
    await headers.body?.cancel().catch(() => undefined);
    const banned = await fetch(`${endpoints.binance.rest}/api/v3/time`);
    expect([banned.status, banned.headers.get('retry-after')]).toEqual([418, '9']);
    const socket = open();
    await new Promise((resolve) => socket.once('message', resolve));
    // Those by chance come behind the four that were asked for.
    for (let struck = false; !struck; ) {
      const { faults } = (await (await fetch(`${control}/faults`)).json()) as Json;
      struck = faults.some(({ id, applied }: Json) => id > 4 && applied > 0);
    }
    const asked = await fetch(`${control}/faults`, {
      method: 'POST',
      body: '{"kind":"disconnect","venue":"okx","code":4001}',
    });
    expect(asked.status).toBe(201);
    expect(await ended(socket)).toBe('closed 4001');
    child.process.kill('SIGTERM');
    expect(await child.exit).toBe(0);
    const lines = readFileSync(journal, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    const kinds = lines.flatMap(({ fault }) => fault?.kind ?? []);
    for (const kind of ['oversized', 'refuse_connect', 'half_open', 'status', 'disconnect'])
      expect(kinds).toContain(kind);
    expect(kinds.some((kind) => (MIXES.messages as readonly string[]).includes(kind))).toBe(true);
    expect(lines.some(({ market }) => market?.feed === 'trades')).toBe(true);
  }, 30_000);

  test('a port in use, a journal and settings that cannot be written: one line, exit 74', async () => {
    const first = start();
    const { endpoints } = await first.ready;
    const port = new URL(endpoints.okx.rest).port;
    for (const [args, message] of [
      [
        ['--port', port],
        `tapedeck sim: port ${port} of 127.0.0.1 is in use: choose another with --port (0 takes any free one)`,
      ],
      [['--journal', join(root, 'no/such/journal')], /^tapedeck sim: --journal: cannot write to .*ENOENT/],
      [['--settings', join(root, 'no/such/settings')], /^tapedeck sim: --settings: ENOENT/],
    ] as const) {
      const child = start(...args);
      expect(await child.exit).toBe(74);
      expect(child.said).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
    }
    expect(existsSync(join(root, 'no'))).toBe(false);
  }, 20_000);
});

describe('arguments', () => {
  test.each([
    [['--nonsense'], /^tapedeck sim: Unknown option '--nonsense'/],
    [['--port', '1.5'], 'tapedeck sim: --port: expected a whole number from 0 to 65535, got "1.5"'],
    [['--port', ''], 'tapedeck sim: --port: expected a whole number from 0 to 65535, got ""'],
    [['--rate', 'fast'], 'tapedeck sim: --rate: expected a number from 0.01 to 10000, got "fast"'],
    [['--seed', '-1'], /^tapedeck sim: .*--seed/],
    [['--venues', 'okx,nope'], 'tapedeck sim: --venues: there is no "nope"'],
    [['--symbols', 'BTC'], 'tapedeck sim: --symbols: expected venue:SYMBOL, got "BTC"'],
    [
      ['--fault', 'binance'],
      'tapedeck sim: --fault: expected VENUE:KIND[:FEED][:SYMBOL][:NAME=VALUE…], got "binance"',
    ],
    [['--fault', 'okx:fire'], /^tapedeck sim: --fault okx:fire: there is no "fire": expected one of drop, /],
    [
      ['--fault', 'okx:drop:weight=3'],
      'tapedeck sim: --fault okx:drop:weight=3: drop has no "weight": it has path, feed, symbol, after, for, every, count, probability',
    ],
    [['--fault', 'okx:drop:count=x'], /^tapedeck sim: --fault okx:drop:count=x: count: .*expected/],
    [
      ['--venues', 'okx', '--fault', 'okx:drop', '--fault', 'bybit:drop'],
      'tapedeck sim: --fault bybit:drop: venue: expected one of okx, got "bybit"',
    ],
    [['--fault-rate', '0'], 'tapedeck sim: --fault-rate: expected a number from 0.01 to 600, got "0"'],
    [
      ['--fault-mix', 'wild'],
      'tapedeck sim: --fault-mix: expected one of all, messages, connections, rest, venue, mild, got "wild"',
    ],
    [['--control', 'x'], 'tapedeck sim: --control: expected a whole number from 0 to 65535, got "x"'],
  ])('%j is refused in one line', async (argv, message) => {
    const [out, err]: [string[], string[]] = [[], []];
    const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
    expect(await runSim(argv, io)).toBe(64);
    expect(out).toEqual([]);
    expect(err).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
    expect(err[0]).not.toContain('\n');
  });
});
