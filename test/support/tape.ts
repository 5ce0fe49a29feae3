/** A capture in memory: what was told to it, in order, and as a replay is given it. */

import type { Capture, CaptureSubject, OpenConnection } from '../../src/core/capture.ts';
import type { RecordedFrame } from '../../src/io/recording.ts';
import type { Moment } from '../../src/io/recordings.ts';
import { CLOCK_START_US } from './clock.ts';

export interface Tape {
  readonly capture: Capture;
  /** Each line in short: `recv spot`, `note resync BTC/USDT`. */
  readonly lines: string[];
  moments(): readonly Moment[];
  /** Ends a `close()` that is under way: the disk has taken everything. */
  finish(): void;
  /** Begins another run, as a new thread does. */
  restart(): void;
}

export function tape(subject: CaptureSubject): Tape {
  const lines: string[] = [];
  const moments: Moment[] = [];
  const connections: readonly OpenConnection[] = [];
  let runs = 0;
  let finish: () => void = () => undefined;

  const add = (line: Moment['line']): void => {
    moments.push({ track: 0, atUs: CLOCK_START_US, line, lost: [] });
  };
  const frame = (
    kind: RecordedFrame['kind'],
    connection: string,
    more: Partial<RecordedFrame> = {},
    told = connection,
  ): void => {
    lines.push(`${kind} ${told}`);
    add({ kind, connection, localUs: CLOCK_START_US, url: '', text: '', ...more });
  };
  const restart = (): void => {
    runs += 1;
    const header = { ...subject, runUs: CLOCK_START_US + runs, part: 1, line: 0, connections };
    add({ kind: 'part', header, missing: 0 });
  };

  restart();
  return {
    lines,
    moments: () => moments,
    finish: () => finish(),
    restart,
    capture: {
      connect: (connection, url) => frame('connect', connection, { url }),
      send: (connection, text) => void lines.push(`send ${connection} ${text}`),
      recv: (connection, text, localUs) => frame('recv', connection, { text, localUs }),
      http: (way, url, text, localUs) => frame('http', way, { url, text, localUs }, url),
      disconnect: (connection) => frame('close', connection),
      note(what, more = {}) {
        const { symbol = '', reason = '', event = 0 } = more;
        lines.push(`note ${[what, ...Object.values(more)].join(' ')}`);
        const last = moments.at(-1);
        if (what !== 'overflow')
          return add({
            kind: 'note',
            ids: String(more?.ids ?? ''),
            instruments: [],
            localUs: CLOCK_START_US,
            what,
            symbol: String(symbol),
            reason: String(reason),
            event: 0,
          });
        if (last !== undefined)
          moments[moments.length - 1] = { ...last, lost: [...last.lost, Number(event)] };
      },
      instruments(next) {
        lines.push(`note instruments ${next.map(({ symbol }) => symbol).join(' ')}`);
        const empty = { symbol: '', reason: '', event: 0, ids: '', localUs: CLOCK_START_US };
        add({ kind: 'note', what: 'instruments', instruments: next, ...empty });
      },
      hold: () => undefined,
      status: () => ({ failing: false, files: 1, bytes: 2, dropped: 3, errors: 4, last_error: 'x' }),
      close: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    },
  };
}
