/** `tapedeck sim`: the venues' servers on loopback, with a seeded market. */

import { createWriteStream, type WriteStream, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { err, failureOf, ok, type Result } from '../core/result.ts';
import { systemClock } from '../io/clock.ts';
import { startControl } from '../sim/control.ts';
import { servedOf } from '../sim/place.ts';
import { randomFaults } from '../sim/random-faults.ts';
import { type Sim, startSim } from '../sim/server.ts';
import { VENUES } from '../venues/index.ts';
import { type Console, EXIT } from './console.ts';
import { readSimArgs, SIM_HELP, type SimArgs } from './sim-args.ts';

export { SIM_HELP };

/** Runs until SIGINT or SIGTERM, or, as a forked child, until its parent is gone. Resolves with the exit code. */
export async function runSim(argv: readonly string[], io: Console): Promise<number> {
  const args = readSimArgs(argv);
  if (!args.ok) {
    io.err(`tapedeck sim: ${args.error.message}`);
    return EXIT.usage;
  }
  const { rate, seed, journal, settings, control } = args.value;
  const file = journal === undefined ? null : await openJournal(journal, io);
  if (file !== null && !file.ok) {
    io.err(`tapedeck sim: --journal: cannot write to ${journal}: ${file.error.message}`);
    return EXIT.io;
  }
  const started = await startSim({
    ...args.value,
    ...randomPlan(args.value),
    host: '127.0.0.1',
    clock: systemClock(),
    journal: file === null ? null : (line) => void file.value.write(`${line}\n`),
  });
  if (!started.ok) {
    io.err(`tapedeck sim: ${started.error.message}`);
    return EXIT.io;
  }
  const sim = started.value;
  const controlled = control === null ? ok(null) : await startControl(sim, control, sim.note);
  const written = settings === undefined ? ok(undefined) : writeSettings(settings, sim.endpoints);
  const failed = !controlled.ok ? controlled.error : written.ok ? null : written.error;
  if (failed !== null) {
    const option = controlled.ok ? '--settings: ' : '';
    io.err(`tapedeck sim: ${option}${failed.message}`);
    if (controlled.ok) await controlled.value?.stop();
    await sim.stop();
    return EXIT.io;
  }
  const controlUrl = controlled.ok ? (controlled.value?.url ?? null) : null;
  if (settings !== undefined) io.out(`settings that point here: ${settings}`);
  io.out(`[START] simulator on 127.0.0.1:${sim.port}, rate ${rate}, seed ${seed}`);
  for (const [id, urls] of Object.entries(sim.endpoints)) io.out(`  ${id}: ${Object.values(urls).join(' ')}`);
  if (controlUrl !== null) io.out(`control on ${controlUrl}`);
  process.send?.({ type: 'ready', endpoints: sim.endpoints, control: controlUrl });

  await untilStopped(sim);
  if (controlled.ok) await controlled.value?.stop();
  await sim.stop();
  await new Promise<void>((resolve) => (file === null ? resolve() : file.value.end(() => resolve())));
  io.out('[EXIT simulator]');
  return EXIT.ok;
}

/** Faults by chance, where they are wanted. */
function randomPlan({ venues, symbols, faultRate, faultSeed, faultMix }: SimArgs) {
  if (faultRate === null) return {};
  const served = servedOf({ venues, symbols });
  return { plan: randomFaults({ seed: faultSeed, mix: faultMix, perMinute: faultRate, served }) };
}

function untilStopped(sim: Sim): Promise<void> {
  return new Promise((resolve) => {
    const isChild = process.send !== undefined;
    // Ctrl-C reaches a forked child and its parent alike: the parent then tells us when, by leaving.
    process.on('SIGINT', () => (isChild ? undefined : resolve()));
    process.on('SIGTERM', () => resolve());
    if (!isChild) return;
    process.on('disconnect', () => resolve());
    process.on('message', (message: { readonly type?: string }) => {
      if (message.type === 'pause') sim.pause();
      if (message.type === 'resume') sim.resume();
    });
  });
}

/** The other venues are switched off: without that they would be dialled for real. */
function writeSettings(path: string, endpoints: Sim['endpoints']): Result<void> {
  const venues = Object.fromEntries(
    VENUES.map(({ id }) => [id, endpoints[id] ? { endpoints: endpoints[id] } : { enabled: false }]),
  );
  try {
    writeFileSync(path, stringify({ venues }));
    return ok(undefined);
  } catch (thrown) {
    return err(failureOf(thrown));
  }
}

function openJournal(path: string, io: Console): Promise<Result<WriteStream>> {
  return new Promise((resolve) => {
    const stream = createWriteStream(path);
    stream.once('open', () => {
      // A journal that fails later is told, and the venues go on.
      stream.on('error', (thrown) => io.err(`tapedeck sim: --journal: ${thrown.message}`));
      resolve(ok(stream));
    });
    stream.once('error', (thrown) => resolve(err(failureOf(thrown))));
  });
}
