import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Receipt, ReceiptState } from '../../codec/messages/link.ts';
import { JOB_STATES, type JobEvent, type JobState, LIVE_STATES, OPEN_STATES } from '../../backend/job-states.ts';
import { recordReceipt } from '../../backend/link/evidence.ts';
import { tick } from '../../backend/schedule.ts';
import { openStore, type Store } from '../../backend/store/open.ts';
import { newGateway, newStage, type Stage, startOn } from './stage.ts';

/** The clock of these tests. */
const T0 = Date.parse('2027-03-01T00:00:00Z');
const MINUTE_MS = 60_000;

interface Clocked {
  readonly stage: Stage;
  readonly clock: { nowMs: number };
}

async function clockedStage(gateways: readonly string[] = ['north']): Promise<Clocked> {
  const clock = { nowMs: T0 };
  const stage = await newStage({ nowMs: () => clock.nowMs });
  for (const name of gateways) await stage.newGateway(name);
  return { stage, clock };
}

function at(minutes: number): string {
  return new Date(T0 + minutes * MINUTE_MS).toISOString();
}

async function states(store: Store): Promise<string[]> {
  const rows = await store
    .selectFrom('job')
    .innerJoin('update', 'update.id', 'job.updateId')
    .select(['update.version', 'job.state', 'job.reason'])
    .orderBy('job.sequence')
    .execute();
  return rows.map(({ version, state, reason }) => `${version} ${state}${reason === '' ? '' : `: ${reason}`}`);
}

function tickInThread(path: string, nowMs: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./tick-thread.ts', import.meta.url), { workerData: { path, nowMs } });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

async function dueEvents(store: Store): Promise<number> {
  return (await store.selectFrom('jobEvent').select('id').where('toState', '=', 'due').execute()).length;
}

async function gatewayNamed(store: Store, name: string): Promise<{ id: string; name: string }> {
  return await store.selectFrom('gateway').select(['id', 'name']).where('name', '=', name).executeTakeFirstOrThrow();
}

async function jobId({ running }: Stage, version: string): Promise<string> {
  const row = await running.store
    .selectFrom('job')
    .innerJoin('update', 'update.id', 'job.updateId')
    .select('job.id')
    .where('update.version', '=', version)
    .executeTakeFirstOrThrow();
  return row.id;
}

function receiptOf(id: string, state: ReceiptState, detail = ''): Receipt {
  return { kind: 'receipt', jobId: id, state, detail };
}

describe('the table of states', () => {
  const EVENTS: JobEvent[] = ['come-due', 'stored', 'on-air', 'finished', 'refused', 'withdraw', 'expire'];

  it('ends where it says, and nowhere else', () => {
    const ended = (Object.keys(JOB_STATES) as JobState[]).filter(
      (state) => Object.keys(JOB_STATES[state]).length === 0,
    );
    expect(ended).toEqual(['finished', 'withdrawn', 'refused', 'expired']);
    expect([...OPEN_STATES, ...ended].toSorted()).toEqual(Object.keys(JOB_STATES).toSorted());
  });

  it('property: whatever happens, a job comes due at most once and never leaves an end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
        let state: JobState = 'planned';
        let due = 0;
        let ended = false;
        let leftAnEnd = false;
        for (const event of events) {
          const next: JobState | undefined = JOB_STATES[state][event];
          if (next === undefined) continue;
          leftAnEnd ||= ended;
          if (next === 'due') due++;
          state = next;
          ended = !OPEN_STATES.includes(state);
        }
        expect(leftAnEnd).toBe(false);
        expect(due).toBeLessThanOrEqual(1);
        // Nothing is live that did not come due.
        expect(LIVE_STATES.includes(state) && due === 0).toBe(false);
      }),
    );
  });
});

describe('a job', () => {
  it('comes due at its time, not before, and once', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: at(10) });
    clock.nowMs = T0 + 10 * MINUTE_MS - 1;
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual(['1 planned']);
    clock.nowMs++;
    await stage.running.tick();
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual(['1 due']);
    expect(await dueEvents(stage.running.store)).toBe(1);
  });

  it('comes due once when two processes look at the same moment', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    for (let i = 1; i <= 5; i++)
      await stage.newUpdate({ deviceTypeId, version: `${i}`, kind: 'app', name: `a${i}`, scheduleTime: at(i) });
    clock.nowMs = T0 - 1;
    const now = T0 + 10 * MINUTE_MS;
    const path = join(stage.data, 'carillon.db');
    await stage.running.close();
    // Threads of their own, because SQLite waits for a lock without letting others on the same thread go on.
    const results = await Promise.all([1, 2, 3].map(() => tickInThread(path, now)));
    expect(results.map((due) => due.length).toSorted((a, b) => a - b)).toEqual([0, 0, 5]);
    const store = await openStore(path);
    expect(await dueEvents(store)).toBe(5);
    await store.destroy();
  });

  it('expires at its deadline, due or not', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now', deadline: at(5) });
    await stage.newUpdate({ deviceTypeId, version: '2', kind: 'app', name: 'a', scheduleTime: at(2), deadline: at(3) });
    expect(await states(stage.running.store)).toEqual(['1 due', '2 planned']);
    clock.nowMs = T0 + 5 * MINUTE_MS;
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual([
      '1 expired: The deadline has passed.',
      '2 expired: The deadline has passed.',
    ]);
    expect(await dueEvents(stage.running.store)).toBe(1);
  });

  it('is superseded by a newer sequence of the same target, when the gateway holds that', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    await stage.newUpdate({ deviceTypeId, version: '2', scheduleTime: at(5) });
    await stage.newUpdate({ deviceTypeId, version: 'app', kind: 'app', name: 'player', scheduleTime: 'now' });
    expect(await states(stage.running.store)).toEqual(['1 due', '2 planned', 'app due']);
    clock.nowMs = T0 + 5 * MINUTE_MS;
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual(['1 due', '2 due', 'app due']);
    const north = await gatewayNamed(stage.running.store, 'north');
    await recordReceipt(stage.running.store, north, receiptOf(await jobId(stage, '1'), 'on-air'), T0);
    await recordReceipt(stage.running.store, north, receiptOf(await jobId(stage, '2'), 'stored'), T0);
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual([
      '1 withdrawn: Superseded by version 2 (sequence 2).',
      '2 stored',
      'app due',
    ]);
  });

  it('stays while the newer one is paused', async () => {
    const { stage } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    for (const version of ['1', '2']) await stage.newUpdate({ deviceTypeId, version, scheduleTime: 'now' });
    const newer = await jobId(stage, '2');
    expect(await stage.request('POST', `/v1/jobs/${newer}/pause`, {})).toMatchObject({ body: { paused: true } });
    const north = await gatewayNamed(stage.running.store, 'north');
    await recordReceipt(stage.running.store, north, receiptOf(newer, 'stored'), T0);
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual(['1 due', '2 stored']);
    expect(await stage.request('POST', `/v1/jobs/${newer}/resume`, {})).toMatchObject({ body: { paused: false } });
    expect(await states(stage.running.store)).toEqual([
      '1 withdrawn: Superseded by version 2 (sequence 2).',
      '2 stored',
    ]);
  });

  it('is finished when its gateway says that it was superseded, and why is kept', async () => {
    const { stage } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    const north = await gatewayNamed(stage.running.store, 'north');
    const detail = 'Superseded by version 2 (sequence 2).';
    await recordReceipt(stage.running.store, north, receiptOf(await jobId(stage, '1'), 'finished', detail), T0);
    expect(await states(stage.running.store)).toEqual([`1 finished: ${detail}`]);
  });

  it('that comes due after a newer one of the same target is held is withdrawn at once', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: at(5) });
    await stage.newUpdate({ deviceTypeId, version: '2', scheduleTime: 'now' });
    const north = await gatewayNamed(stage.running.store, 'north');
    await recordReceipt(stage.running.store, north, receiptOf(await jobId(stage, '2'), 'stored'), T0);
    clock.nowMs = T0 + 5 * MINUTE_MS;
    await stage.running.tick();
    expect(await states(stage.running.store)).toEqual([
      '1 withdrawn: Superseded by version 2 (sequence 2).',
      '2 stored',
    ]);
  });

  it('keeps its state over a restart, and what came due meanwhile comes due once', async () => {
    const { stage, clock } = await clockedStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    await stage.newUpdate({ deviceTypeId, version: 'app', kind: 'app', name: 'a', scheduleTime: at(5) });
    await stage.running.close();
    clock.nowMs = T0 + 60 * MINUTE_MS;
    const again = await startOn(stage.data, { nowMs: () => clock.nowMs });
    expect(await states(again.store)).toEqual(['1 due', 'app due']);
    expect(await dueEvents(again.store)).toBe(2);
  });

  it('is not planned for a gateway that was revoked', async () => {
    const { stage } = await clockedStage(['north', 'south']);
    const { revokeGateway } = await import('../../backend/store/gateways.ts');
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: 'now' });
    expect(await revokeGateway(stage.running.store, 'south', T0)).toBe(1);
    await stage.newUpdate({ deviceTypeId, version: '2', scheduleTime: 'now' });
    expect(await states(stage.running.store)).toEqual(['1 due', '1 withdrawn: The gateway was revoked.', '2 due']);
    expect(await stage.upload({ deviceTypeId, version: '3', gateways: 'south' }, 'x')).toMatchObject({ status: 422 });
  });

  it('waits while its update is not approved', async () => {
    const { stage } = await clockedStage();
    const { store } = stage.running;
    const deviceTypeId = await stage.newDeviceType();
    const update = await stage.newUpdate({ deviceTypeId, version: '1', scheduleTime: at(1) });
    await store.updateTable('update').set({ approval: 'pending' }).where('id', '=', update.id).execute();
    expect((await tick(store, T0 + 2 * MINUTE_MS)).due).toEqual([]);
    await store.updateTable('update').set({ approval: 'approved' }).where('id', '=', update.id).execute();
    expect((await tick(store, T0 + 2 * MINUTE_MS)).due).toHaveLength(1);
  });
});

describe('a data directory', () => {
  it('is served by one backend at a time', async () => {
    const stage = await newStage();
    await expect(startOn(stage.data)).rejects.toThrow('Another backend serves this data directory');
    await stage.running.close();
    await startOn(stage.data);
  });

  it('can be used by the commands while it is served', async () => {
    const stage = await newStage();
    await Promise.all(['a', 'b', 'c'].map((name) => newGateway(stage.data, name)));
    expect((await stage.running.store.selectFrom('gateway').select('name').execute()).length).toBe(3);
  });
});
