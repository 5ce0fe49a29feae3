/** What stands in every line of a capture, and its first one. (DESIGN 6.4, `capture/`; read by `recording.ts`.) */

import { CAPTURE_SCHEMA, type CaptureHeader } from '../core/capture.ts';

/** Epoch seconds with six decimals, so that the µs come back exactly. */
function epoch(us: number): string {
  const text = String(us);
  return `${text.slice(0, -6)}.${text.slice(-6)}`;
}

/** `ts` and `mono_us`, which every line has. */
export const times = (wallUs: number, monoUs: number): string => `"ts":${epoch(wallUs)},"mono_us":${monoUs}`;

/** With its `\n`. `firstUs`: wall time of the line that follows. */
export function headerLine(header: CaptureHeader, firstUs: number): string {
  const { version, venue, feed, options, instruments, part, line, connections } = header;
  const told = {
    program: 'tapedeck',
    schema_version: CAPTURE_SCHEMA,
    version,
    venue,
    feed,
    options,
    instruments: instruments.map(({ symbol, id, market }) => ({ symbol, id, market })),
    part,
    line,
    connections,
  };
  const run = `"ts":${epoch(firstUs)},"run":${epoch(header.runUs)}`;
  return `{"t":"header",${run},${JSON.stringify(told).slice(1)}\n`;
}
