/**
 * The raw record of one feed, written in the feed's own thread: lines are put into a buffer as they come, and leave it
 * together, at least once a second, as one gzip member (`capture-parts.ts`). The feed never waits for the disk: what it
 * does not take is bounded, then dropped, counted and said.
 */

import { join } from 'node:path';
import type { Capture, CaptureSubject, OpenConnection } from '../core/capture.ts';
import type { Clock } from '../core/ports.ts';
import { baseHider, redactor } from '../core/redact.ts';
import { type Failure, failureOf } from '../core/result.ts';
import { headerLine, times } from './capture-lines.ts';
import { type Chunk, createParts } from './capture-parts.ts';
import { type FileOps, nodeFileOps } from './file-ops.ts';

export interface CaptureOptions {
  readonly dataDir: string;
  readonly subject: CaptureSubject;
  readonly clock: Clock;
  /** The venue's base URLs: a secret in their paths is not recorded. */
  readonly bases?: readonly string[];
  /** Told once of each streak of failures (`error`), and of each time that lines begin to be lost (`gap`). */
  readonly report: (type: 'error' | 'gap', more: Readonly<Record<string, string>>) => void;
  readonly ops?: FileOps;
  /** Lines wait at most this long for their write; it is also how often what was written is fsynced. */
  readonly flushMs?: number;
  readonly flushBytes?: number;
  /** Bound of all that waits, in bytes of lines. */
  readonly waitingBytes?: number;
}

const FIRST_BYTES = 16 * 1024;
/** A buffer that one large frame has made larger than this is given up. */
const LARGE_BYTES = 1024 * 1024;
const HOUR_US = 3_600_000_000;
/** The wall clock was set back when it loses more than this on the monotonic one. */
const STEP_US = 1_000_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5_000;

export function createCapture(options: CaptureOptions): Capture {
  const { clock, subject, report, ops = nodeFileOps } = options;
  const { bases = [] } = options;
  const urlOf = baseHider(bases);
  const redact = redactor(bases);
  const { flushMs = 1_000, flushBytes = 256 * 1024, waitingBytes = 32 * 1024 * 1024 } = options;
  const runUs = clock.wallUs();
  const monoUs = (): number => Math.round(clock.monoMs() * 1000);
  const errors = { count: 0, last: null as string | null, failing: null as string | null };
  const parts = createParts({
    folder: join(options.dataDir, 'capture', subject.venue, subject.feed),
    ops,
    header: (part, { line, connections, instruments, firstUs }) =>
      headerLine({ ...subject, runUs, part, line, connections, instruments }, firstUs),
    onError: (error) => count(error),
  });

  let buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let used = 0;
  /** Of the buffer: what its chunk will say. */
  let lines = 0;
  let line = 0;
  let firstUs = 0;
  let before: Pick<Chunk, 'connections' | 'instruments'> = { connections: [], instruments: [] };
  let fresh = true;

  /** Of the run: all lines so far, dropped ones too. */
  let total = 0;
  let connections: readonly OpenConnection[] = [];
  let { instruments } = subject;
  const heads = new Map<string, string>();
  let hourEndsUs = 0;
  let offsetUs = Number.NEGATIVE_INFINITY;

  let waiting: Chunk[] = [];
  let bytesWaiting = 0;
  let dropped = 0;
  /** Lines dropped since the newest that was taken; null while none is. */
  let dropping: number | null = null;

  let held = false;
  let syncDue = false;
  let failures = 0;
  let retryAtMs = 0;
  let running: Promise<void> | null = null;
  let closed: Promise<void> | null = null;

  const count = (error: Failure): void => {
    errors.count += 1;
    errors.last = `${error.code}: ${error.message}`;
  };

  const seal = (): void => {
    if (used === 0) return;
    const bytes = Buffer.allocUnsafeSlow(used);
    buffer.copy(bytes, 0, 0, used);
    waiting.push({ bytes, lines, line, firstUs, ...before, fresh });
    bytesWaiting += used;
    used = 0;
    lines = 0;
    fresh = false;
    if (buffer.length > LARGE_BYTES) buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  };

  /** A part is of one hour, and its times do not go back. */
  const turnPage = (nowUs: number, nowMonoUs: number): void => {
    const offset = nowUs - nowMonoUs;
    const isStep = offset < offsetUs - STEP_US;
    offsetUs = isStep ? offset : Math.max(offsetUs, offset);
    if (nowUs < hourEndsUs && !isStep) return;
    hourEndsUs = (Math.floor(nowUs / HOUR_US) + 1) * HOUR_US;
    seal();
    fresh = true;
  };

  const put = (nowUs: number, given: string): void => {
    let text = given;
    if (used === 0) {
      line = total;
      firstUs = nowUs;
      before = { connections, instruments };
      // So that a gzip member that is taken away is missed. Of the first of a part the header tells.
      if (!fresh) text = `${given.slice(0, -2)},"line":${total}}\n`;
    }
    // UTF-8 takes at most three bytes for a unit of UTF-16.
    const needed = used + text.length * 3;
    if (needed > buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
      buffer.copy(larger, 0, 0, used);
      buffer = larger;
    }
    used += buffer.write(text, used);
    lines += 1;
    total += 1;
  };

  /** Begins a part, whose header tells how many lines are missing before it. */
  const resume = (nowUs: number, nowMonoUs: number): void => {
    const more = JSON.stringify({ what: 'dropped', count: dropping });
    dropping = null;
    seal();
    fresh = true;
    put(nowUs, `{"t":"note",${times(nowUs, nowMonoUs)},${more.slice(1)}\n`);
  };

  /** `nowUs`: the wall clock now, whatever time the line tells. */
  const add = (nowUs: number, nowMonoUs: number, text: string): void => {
    const bound = dropping === null ? waitingBytes : waitingBytes / 2;
    if (closed !== null || bytesWaiting + used >= bound) return drop();
    turnPage(nowUs, nowMonoUs);
    if (dropping !== null) resume(nowUs, nowMonoUs);
    put(nowUs, text);
    if (used < flushBytes) return;
    seal();
    pump();
  };

  const drop = (): void => {
    total += 1;
    dropped += 1;
    if (dropping !== null) {
      dropping += 1;
      return;
    }
    dropping = 1;
    // The lines in the buffer stand before the hole.
    seal();
    fresh = true;
    const why = errors.failing === null ? 'the disk does not keep up' : `${errors.last}`;
    report('gap', { kind: 'capture', reason: `lines of the capture are lost: ${why}` });
  };

  /** One line of the kinds that are seldom. `rest`: its own keys as JSON, from a comma on. */
  const say = (t: string, rest: string, tsUs?: number): void => {
    const nowUs = clock.wallUs();
    const nowMonoUs = monoUs();
    add(nowUs, nowMonoUs, `{"t":"${t}",${times(tsUs ?? nowUs, nowMonoUs)}${rest}}\n`);
  };

  const headOf = (connection: string): string => {
    let head = heads.get(connection);
    if (head === undefined) {
      head = `{"t":"recv","conn":${JSON.stringify(connection)},`;
      heads.set(connection, head);
    }
    return head;
  };

  const write = async (): Promise<void> => {
    try {
      for (let chunk = waiting[0]; chunk !== undefined; chunk = waiting[0]) {
        await parts.write(chunk);
        waiting.shift();
        bytesWaiting -= chunk.bytes.length;
        if (syncDue) await sync();
      }
      if (syncDue) await sync();
      failures = 0;
      errors.failing = null;
    } catch (thrown) {
      await onFailure(failureOf(thrown));
    }
  };

  const sync = async (): Promise<void> => {
    syncDue = false;
    await parts.sync();
  };

  const onFailure = async (error: Failure): Promise<void> => {
    count(error);
    if (errors.failing !== error.code)
      report('error', { code: error.code, message: `capture: ${error.message}` });
    errors.failing = error.code;
    retryAtMs = clock.monoMs() + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
    failures += 1;
    const again = await parts.leave();
    waiting = [...again, ...waiting];
    for (const chunk of again) bytesWaiting += chunk.bytes.length;
  };

  /** One at a time; what comes meanwhile is taken by the one under way, or by the next. */
  const pump = (): void => {
    if (running !== null || closed !== null || held || clock.monoMs() < retryAtMs) return;
    running = write().finally(() => {
      running = null;
      if (waiting.length > 0) pump();
    });
  };

  const stopTimer = clock.every(flushMs, () => {
    seal();
    syncDue = true;
    pump();
  });

  const end = async (): Promise<void> => {
    stopTimer();
    if (dropping !== null) resume(clock.wallUs(), monoUs());
    seal();
    if (running !== null) await running;
    syncDue = true;
    await write();
    // What failed only now has one more try, in a part of its own.
    if (waiting.length > 0) await write();
    const lost = waiting.reduce((sum, chunk) => sum + chunk.lines, 0);
    waiting = [];
    bytesWaiting = 0;
    dropped += lost;
    if (lost > 0)
      report('gap', { kind: 'capture', reason: `${lost} lines given up at the stop: ${errors.last}` });
    await parts.end().catch((thrown: unknown) => count(failureOf(thrown)));
  };

  return {
    connect(conn, url) {
      const addr = urlOf(url);
      say('connect', `,"conn":${JSON.stringify(conn)},"addr":${JSON.stringify(addr)}`);
      connections = [...connections.filter((one) => one.conn !== conn), { conn, addr }];
    },
    send: (conn, text) => say('send', `,"conn":${JSON.stringify(conn)},"data":${JSON.stringify(text)}`),
    recv(connection, text, localUs) {
      const nowMonoUs = monoUs();
      const told = times(localUs, nowMonoUs);
      add(localUs, nowMonoUs, `${headOf(connection)}${told},"data":${JSON.stringify(text)}}\n`);
    },
    http: (way, url, text, localUs) =>
      say(
        'http',
        `,"conn":"${way}","url":${JSON.stringify(urlOf(url))},"data":${JSON.stringify(text)}`,
        localUs,
      ),
    disconnect(conn, reason) {
      say('close', `,"conn":${JSON.stringify(conn)},"data":${JSON.stringify(redact(reason))}`);
      connections = connections.filter((one) => one.conn !== conn);
    },
    note: (what, more = {}) => say('note', `,${JSON.stringify({ what, ...more }).slice(1, -1)}`),
    instruments(next) {
      const told = next.map(({ symbol, id, market }) => ({ symbol, id, market }));
      say('note', `,"what":"instruments","instruments":${JSON.stringify(told)}`);
      instruments = next;
    },
    hold(on) {
      held = on;
    },
    status: () => ({
      failing: errors.failing !== null,
      files: parts.files(),
      bytes: parts.bytes(),
      dropped,
      errors: errors.count,
      last_error: errors.last,
    }),
    close: () => (closed ??= end()),
  };
}
