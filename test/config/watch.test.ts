import { expect, test } from 'vitest';
import { checkSettings } from '../../config/check.ts';
import { FAKE_VENUES } from './fake-venues.ts';

const check = (text: string) => checkSettings(text, 's.yaml', FAKE_VENUES);

test.each([
  'http://127.0.0.1:8080/hook',
  'https://hooks.example/services/T0/B0?x=1',
  'https://hooks.example',
])('the webhook may be %s, as it is', (url) => {
  const checked = check(`health: { webhook: "${url}" }`);
  expect(checked.ok && checked.value.health.webhook).toBe(url);
});

test.each([
  ['health: { webhook: "ftp://x.test" }', 'health.webhook'],
  ['health: { webhook: "https://me:secret@x.test/" }', 'health.webhook'],
  ['health: { webhook: "x.test" }', 'health.webhook'],
  ['health: { max_rss_mb: 1 }', 'health.max_rss_mb'],
  ['http: { port: 65536 }', 'http.port'],
  ['http: { enabled: yes please }', 'http.enabled'],
])('%s is refused', (text, path) => {
  const checked = check(text);
  expect(checked.ok ? [] : checked.error.map((problem) => problem.path)).toEqual([path]);
});

test('the endpoints are of this machine alone', () => {
  const checked = check('http: { host: 0.0.0.0 }');
  expect(checked.ok ? [] : checked.error.map(({ text }) => text)).toEqual([
    's.yaml:1:15 http.host: expected 127.0.0.1, ::1 or localhost, got "0.0.0.0"',
  ]);
});
