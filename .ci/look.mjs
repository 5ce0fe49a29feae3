// Looks at what a short run from the simulator left behind: every worker wrote rows, and it stopped in order.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const data = process.argv[2];
const status = JSON.parse(readFileSync(join(data, 'collector', 'status.json'), 'utf8'));
const problems = [];
if (status.state !== 'stopped') problems.push(`state is ${status.state}`);
if (status.workers.length !== 12) problems.push(`${status.workers.length} workers`);
for (const worker of status.workers) {
  if (!(worker.rows_written > 0)) problems.push(`${worker.id} wrote no rows`);
  if (worker.rejects !== 0) problems.push(`${worker.id} refused ${worker.rejects} frames`);
}
const files = readdirSync(join(data, 'raw')).filter((file) => file.endsWith('.csv'));
for (const file of files) {
  const text = readFileSync(join(data, 'raw', file), 'utf8');
  if (!text.endsWith('\n')) problems.push(`${file} ends within a row`);
  if (text.split('\n').length < 3) problems.push(`${file} has no rows`);
}
for (const problem of problems) console.error(problem);
const rows = status.workers.reduce((sum, worker) => sum + worker.rows_written, 0);
console.log(`${files.length} files, ${rows} rows, level ${status.level}`);
process.exit(problems.length === 0 ? 0 : 1);
