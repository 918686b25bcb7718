import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogRecord } from '#codec/groups/log.ts';
import { ReceptionLog } from '../../receiver/reception-log.ts';

const root = mkdtempSync(join(tmpdir(), 'carillon-log-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Without a clock, where a group that stands in the log twice is counted twice. */
function group(n: number): LogRecord {
  return {
    kind: 'data',
    group: { stream: 1, place: n & 7, check: 0, words: [1, 2, 3, n], slot: -1, clockRestarted: n === 0 },
  };
}

function replayed(path: string): number[] {
  const log = new ReceptionLog(path, 1e6);
  const found: number[] = [];
  log.replay((record) => {
    if (record.kind === 'data') found.push(record.group.words[3]);
  });
  log.close();
  return found;
}

describe('a log that is made anew while groups come', () => {
  it('holds each of them once', () => {
    const path = join(root, 'reception.log');
    const log = new ReceptionLog(path, 1e6);
    log.replay(() => {});
    const held: LogRecord[] = [];
    const take = (n: number): void => {
      held.push(group(n));
      log.append([group(n)], 0);
    };
    for (let n = 0; n < 40; n++) take(n);
    function* snapshot(): Generator<LogRecord> {
      yield* held.slice();
    }
    expect(log.startRenewal(snapshot())).toBe(true);
    // Of these the first is in what the records tell already, the other one comes when they are being written.
    take(40);
    expect(log.continueRenewal(() => false)).toBe('going-on');
    take(41);
    while (log.isRenewing) log.continueRenewal(() => true);
    take(42);
    log.flush(0);
    log.close();
    expect(replayed(path)).toStrictEqual(Array.from({ length: 43 }, (_, n) => n));
  });
});
