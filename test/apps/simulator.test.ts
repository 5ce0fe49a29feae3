import { afterEach, expect, test } from 'vitest';
import { startSimulator } from '../../src/apps/simulator.ts';

const { execPath } = process;
afterEach(() => {
  process.execPath = execPath;
});

test('a simulator that the system does not start is a failure, and no bug', async () => {
  process.execPath = '/nowhere/node';
  expect(await startSimulator('/nowhere/cli.js', [])).toMatchObject({
    ok: false,
    error: { code: 'simulator', message: 'the simulator: spawn /nowhere/node ENOENT' },
  });
});
