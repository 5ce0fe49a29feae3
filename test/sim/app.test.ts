/** `tapedeck sim` as it is run: by hand, and as a forked child. */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { runSim } from '../../src/apps/sim.ts';
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
  ])('%j is refused in one line', async (argv, message) => {
    const [out, err]: [string[], string[]] = [[], []];
    const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
    expect(await runSim(argv, io)).toBe(64);
    expect(out).toEqual([]);
    expect(err).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
    expect(err[0]).not.toContain('\n');
  });
});
