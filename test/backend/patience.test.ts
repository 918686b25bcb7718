import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whileProcessing } from '../../backend/routes/patience.ts';

const server = createServer((incoming, response) => {
  const takesMs = Number(incoming.url?.slice(1));
  const work = sleep(takesMs).then(() => (takesMs === 333 ? Promise.reject(new Error('no')) : 'done'));
  void whileProcessing(response, work, 50).then(
    (text) => response.end(text),
    () => response.writeHead(500).end(),
  );
});
beforeEach(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterEach(() => new Promise((resolve) => server.close(resolve)));

function address(takesMs: number): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${takesMs}`;
}

/** Interim responses, and the status at last. */
function answersOf(takesMs: number): Promise<{ interim: number[]; status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const interim: number[] = [];
    request(address(takesMs))
      .on('information', ({ statusCode }) => interim.push(statusCode))
      .on('response', (response) => resolve({ interim, status: response.resume().statusCode }))
      .on('error', reject)
      .end();
  });
}

it('says nothing where the work is quick', async () => {
  expect(await answersOf(0)).toEqual({ interim: [], status: 200 });
});

it('says that it goes on where the work takes long, also where it fails', async () => {
  const { interim, status } = await answersOf(333);
  expect(status).toBe(500);
  expect(interim.length).toBeGreaterThan(2);
  expect(new Set(interim)).toEqual(new Set([102]));
});

it('is passed over by fetch', async () => {
  const response = await fetch(address(300));
  expect([response.status, await response.text()]).toEqual([200, 'done']);
});
