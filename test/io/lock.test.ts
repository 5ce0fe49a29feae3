import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { connect, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Failure } from '../../src/core/result.ts';
import { acquireLock, type Lock } from '../../src/io/lock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

const HOLDER = fileURLToPath(new URL('../fixtures/workers/holding-lock.mjs', import.meta.url));

const unexpected = ({ message }: Failure): void => expect.fail(message);

let root: string;
let children: ChildProcess[];
beforeEach(async () => {
  root = await tempFolder();
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await removeFolder(root);
});

/** A real process that tries to take the lock; what it said. */
async function holder(folder = root): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const child = spawn(process.execPath, [HOLDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: chunk.toString('utf8').trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function take(platform: NodeJS.Platform = process.platform, folder = root): Promise<Lock | string> {
  const lock = await acquireLock(folder, platform, unexpected);
  return lock.ok ? lock.value : lock.error.code;
}

describe('between processes', () => {
  test('one holds it, the others are refused; free the moment that the holder is killed', async () => {
    const first = await holder();
    expect(first.said).toBe('held');
    const refused = await acquireLock(root, process.platform, unexpected);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'locked', message: `another collector writes to ${root}`, retry: 'never' },
    });
    expect((await holder()).said).toBe('locked');
    await kill(first.child);
    // At once: no waiting, no second try.
    const mine = await take();
    expect(mine).not.toBe('locked');
    expect((await holder()).said).toBe('locked');
    await (mine as Lock).release();
    expect((await holder()).said).toBe('held');
  });

  test('of several that start together, one gets it', async () => {
    const said = (await Promise.all([holder(), holder(), holder()])).map((one) => one.said);
    expect(said.sort()).toEqual(['held', 'locked', 'locked']);
  });
});

test('a held lock that cannot answer says so once for each reason, and is held', async () => {
  const listening = vi.spyOn(Server.prototype, 'listen');
  const told: string[] = [];
  const lock = await acquireLock(root, process.platform, ({ code }) => told.push(code));
  const server = listening.mock.contexts[0] as Server;
  listening.mockRestore();
  // What Node says of a connection that it could not accept.
  for (const code of ['EMFILE', 'EMFILE', 'ENFILE', 'EMFILE'])
    server.emit('error', Object.assign(new Error('accept'), { code }));
  expect(told).toEqual(['EMFILE', 'ENFILE']);
  expect((await holder()).said).toBe('locked');
  if (!lock.ok) return expect.fail('it was free');
  await lock.value.release();
  expect((await holder()).said).toBe('held');
});

describe('a folder', () => {
  test('by another name is the same folder; another folder is not', async () => {
    const other = await tempFolder();
    symlinkSync(root, join(other, 'link'));
    const mine = (await take()) as Lock;
    expect(await take(process.platform, join(other, 'link'))).toBe('locked');
    const theirs = await take(process.platform, other);
    expect(theirs).not.toBe('locked');
    await (theirs as Lock).release();
    await mine.release();
    await removeFolder(other);
  });

  test('a stranger that connects and stays does not hold up the release', async () => {
    const lock = (await take('darwin')) as Lock;
    const { createHash } = await import('node:crypto');
    const name = `tapedeck-${createHash('sha256').update(root).digest('hex').slice(0, 32)}.sock`;
    const stranger = connect(join(tmpdir(), name));
    await once(stranger, 'close');
    await lock.release();
    expect(await take('darwin')).not.toBe('locked');
  });
});

// A socket file, as on macOS: the file of a killed process stays behind.
describe.skipIf(process.platform === 'win32')('by a socket file', () => {
  test('is held, released, and taken over from a process that was killed', async () => {
    const first = (await take('darwin')) as Lock;
    expect(await take('darwin')).toBe('locked');
    await first.release();
    const second = (await take('darwin')) as Lock;
    expect(second).not.toBe('locked');
    await second.release();

    const script = `import { acquireLock } from ${JSON.stringify(new URL('../../dist/src/io/lock.js', import.meta.url).href)};
      const lock = await acquireLock(process.argv[1], 'darwin', () => undefined);
      process.stdout.write(lock.ok ? 'held' : 'locked');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString('utf8')).toBe('held');
    expect(await take('darwin')).toBe('locked');
    await kill(child);
    const mine = await take('darwin');
    expect(mine).not.toBe('locked');
    await (mine as Lock).release();
  });
});
