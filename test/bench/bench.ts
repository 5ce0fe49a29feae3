/**
 * `npm run bench [-- FRAMES [venue…]]`: messages per CPU-second of the whole process, from the wire to the disk,
 * against bare receive and parse of the same frames in the same run. One run; the ratio is what counts.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FEEDS, type Feed } from '../../src/core/event.ts';
import { VENUES } from '../../src/venues/index.ts';
import type { Job, Measured } from './consumers.ts';

const child = (file: string, args: readonly string[]): ChildProcess =>
  fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });

const next = <T>(from: ChildProcess, type?: string): Promise<T> =>
  new Promise((resolve, reject) => {
    from.once('exit', (code) => reject(new Error(`a child ended with ${code}`)));
    from.on('message', (message: { readonly type?: string }) => {
      if (type === undefined || message.type === type) resolve(message as T);
    });
  });

type Ready = Omit<Job, 'kind' | 'venue' | 'feed'> & { readonly bytes: number };

async function measure(
  kind: Job['kind'],
  venue: string,
  feed: Feed,
  server: ChildProcess,
  ready: Ready,
): Promise<Measured> {
  const consumer = child('consumers.js', []);
  const connected = next(server, 'connected');
  const measured = next<Measured>(consumer);
  const { port, frames, rows, symbols, answers } = ready;
  consumer.send({ kind, venue, feed, port, frames, rows, symbols, answers } satisfies Job);
  await connected;
  server.send('go');
  return measured;
}

const [count = '200000', ...only] = process.argv.slice(2);
const venues = VENUES.map((venue) => venue.id).filter((id) => only.length === 0 || only.includes(id));
const perCpu = (one: Measured): number => one.messages / one.cpuSec;
const k = (value: number): string => `${Math.round(value / 1000)} k`;

console.log(`messages per CPU-second, ${count} frames a feed, node ${process.version}`);
console.log('feed                  bytes   bare   wire to disk   ratio   MB');
for (const venue of venues) {
  const sums = { bare: 0, disk: 0 };
  for (const feed of FEEDS) {
    const server = child('flood.js', [venue, feed, count]);
    const ready = await next<Ready>(server, 'ready');
    const bare = await measure('bare', venue, feed, server, ready);
    const disk = await measure('wire to disk', venue, feed, server, ready);
    server.disconnect();
    sums.bare += bare.cpuSec / bare.messages;
    sums.disk += disk.cpuSec / disk.messages;
    const cells = [
      `${venue}.${feed}`.padEnd(20),
      String(Math.round(ready.bytes / ready.frames)).padStart(6),
      k(perCpu(bare)).padStart(6),
      k(perCpu(disk)).padStart(14),
      (perCpu(disk) / perCpu(bare)).toFixed(2).padStart(7),
      String(disk.rssMb).padStart(4),
    ];
    console.log(cells.join(' '));
  }
  console.log(`${venue.padEnd(20)} one of each feed: ratio ${(sums.bare / sums.disk).toFixed(2)}`);
}
