import { describe, expect, test } from 'vitest';
import { answers, type View } from '../../src/runtime/answers.ts';
import { buildStatus, type StatusInput } from '../../src/runtime/status.ts';
import { manualClock } from '../support/clock.ts';
import { DISK, FEED, inputOf, RATES, tallyOf, threadOf } from '../support/status.ts';

function view(more: Partial<StatusInput> = {}, ageMs = 100): View {
  const worker = { thread: threadOf('running', FEED), tally: tallyOf(manualClock()) };
  const status = buildStatus(inputOf([worker], more)).object;
  return { status, rates: { ts: 1, stats: { okx: RATES } }, ageMs };
}

async function ask(path: string, now: View | null): Promise<readonly [number, unknown]> {
  const answer = await answers(() => now)[path]?.();
  if (answer === undefined) throw new Error(`no ${path}`);
  return [answer.status, path === '/metrics' ? answer.body : JSON.parse(answer.body)];
}

const FULL = { ...inputOf([]).writer, failing_files: 1, last_error: 'a.csv: ENOSPC' };

describe('/healthz', () => {
  test('the level with its reasons; 503 when it is CRIT', async () => {
    const whole = inputOf([]).whole;
    expect(await ask('/healthz', view())).toMatchObject([
      200,
      { level: 'OK', state: 'collecting', reasons: [] },
    ]);
    expect(await ask('/healthz', view({ whole: { ...whole, loopLagMs: 2_000 } }))).toMatchObject([
      200,
      { level: 'WARN', reasons: ['main thread held for 2000 ms'] },
    ]);
    expect(await ask('/healthz', view({ whole: { ...whole, writerError: 'x' } }))).toMatchObject([
      503,
      { level: 'CRIT', reasons: ['writer: x'] },
    ]);
  });
});

describe('/livez', () => {
  test('alive while looks go on', async () => {
    expect(await ask('/livez', view({}, 14_999))).toEqual([
      200,
      { alive: true, looked_sec: 14.999, event_loop_lag_ms: 0 },
    ]);
    expect(await ask('/livez', view({}, 15_000))).toMatchObject([503, { alive: false }]);
  });
});

describe('/readyz', () => {
  const sound = { lock: true, collecting: true, disk: true, flowing: true };

  test.each<[string, Partial<StatusInput>, object]>([
    ['ready', {}, {}],
    ['starting', { phase: 'starting' }, { collecting: false }],
    ['stopped', { phase: 'stopped' }, { lock: false, collecting: false }],
    ['a file that cannot be written', { writer: FULL }, { disk: false }],
    ['a disk as good as full', { disk: { ...DISK, disk_free_bytes: 199e6 } }, { disk: false }],
    ['nothing flows', { workers: [] }, { flowing: false }],
    [
      'a feed that is late',
      { workers: [{ thread: threadOf('running', FEED), tally: late() }] },
      { flowing: false },
    ],
  ])('%s', async (_, more, checks) => {
    const ready = Object.keys(checks).length === 0;
    expect(await ask('/readyz', view(more))).toEqual([ready ? 200 : 503, { ready, ...sound, ...checks }]);
  });

  function late() {
    const clock = manualClock();
    const tally = tallyOf(clock);
    clock.advance(60_001);
    return tally;
  }
});

test('/status is the object of status.json, /metrics the text for Prometheus', async () => {
  const now = view();
  expect(await ask('/status', now)).toEqual([200, JSON.parse(JSON.stringify(now.status))]);
  expect(await ask('/metrics', now)).toEqual([200, expect.stringContaining('\ntapedeck_level 0\n')]);
});

test.each(['/metrics', '/livez', '/readyz', '/healthz', '/status'])(
  '%s is 503 before the first look',
  async (path) => {
    expect((await answers(() => null)[path]?.())?.status).toBe(503);
  },
);
