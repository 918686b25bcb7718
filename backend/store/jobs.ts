/**
 * Changes of jobs. Every change of state goes through `apply`, which names the state it expects: whoever comes second,
 * in this process or another, finds no row and changes nothing.
 */

import type { Selectable } from 'kysely';
import { JOB_STATES, type JobEvent, LIVE_STATES, OPEN_STATES } from '../job-states.ts';
import type { Actor } from './audit.ts';
import { newId } from './identify.ts';
import type { Change, Store } from './open.ts';
import type { JobTable, UpdateTable } from './tables.ts';

export type JobRow = Selectable<JobTable>;

/** Whether the job changed. Call inside a transaction. */
export async function apply(
  tx: Change,
  job: Pick<JobRow, 'id' | 'state'>,
  event: JobEvent,
  by: { actor: Actor; reason?: string; atMs: number },
): Promise<boolean> {
  const next = JOB_STATES[job.state][event];
  if (next === undefined) return false;
  const ends = Object.keys(JOB_STATES[next]).length === 0;
  const result = await tx
    .updateTable('job')
    .set({ state: next, changedMs: by.atMs, ...(ends ? { reason: by.reason ?? '' } : {}) })
    .where('id', '=', job.id)
    .where('state', '=', job.state)
    .executeTakeFirst();
  if (result.numUpdatedRows !== 1n) return false;
  await tx
    .insertInto('jobEvent')
    .values({
      id: newId(),
      jobId: job.id,
      fromState: job.state,
      toState: next,
      detail: by.reason ?? '',
      actor: by.actor,
      atMs: by.atMs,
    })
    .execute();
  return true;
}

/** Reads the job and applies the event, in one transaction. */
export function applyTo(
  store: Store,
  where: { jobId: string; gatewayId: string },
  event: JobEvent,
  by: { actor: Actor; reason?: string; atMs: number },
): Promise<boolean> {
  return store.transaction().execute(async (tx) => {
    const job = await tx
      .selectFrom('job')
      .select(['id', 'state'])
      .where('id', '=', where.jobId)
      .where('gatewayId', '=', where.gatewayId)
      .executeTakeFirst();
    return job === undefined ? false : apply(tx, job, event, by);
  });
}

/** Withdraws every open job of an update; how many there were. */
export async function withdrawJobsOf(
  tx: Change,
  updateId: string,
  by: { actor: Actor; reason: string; atMs: number },
): Promise<number> {
  const open = await tx
    .selectFrom('job')
    .select(['id', 'state'])
    .where('updateId', '=', updateId)
    .where('state', 'in', OPEN_STATES)
    .execute();
  let withdrawn = 0;
  for (const job of open) if (await apply(tx, job, 'withdraw', by)) withdrawn++;
  return withdrawn;
}

/** Whether there was an open job to pause or to resume. */
export async function setPaused(tx: Change, jobId: string, paused: boolean, atMs: number): Promise<boolean> {
  const result = await tx
    .updateTable('job')
    .set({ paused: paused ? 1 : 0, changedMs: atMs })
    .where('id', '=', jobId)
    .where('state', 'in', OPEN_STATES)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

type Plannable = Pick<
  Selectable<UpdateTable>,
  'id' | 'deviceTypeId' | 'kind' | 'target' | 'sequence' | 'priority' | 'scheduleMs' | 'deadlineMs' | 'windows'
>;

export async function insertPlanned(tx: Change, update: Plannable, gatewayId: string, atMs: number): Promise<void> {
  await tx
    .insertInto('job')
    .values({
      id: newId(),
      updateId: update.id,
      gatewayId,
      deviceTypeId: update.deviceTypeId,
      kind: update.kind,
      target: update.target,
      sequence: update.sequence,
      state: 'planned',
      reason: '',
      priority: update.priority,
      scheduleMs: update.scheduleMs ?? atMs,
      deadlineMs: update.deadlineMs,
      windows: update.windows,
      paused: 0,
      createdMs: atMs,
      changedMs: atMs,
      onAirGroups: 0,
      onAirFirstMs: null,
      onAirLastMs: null,
      onAirCountedMs: null,
    })
    .execute();
}

/** What a gateway should hold now, with what the link protocol says about each, most urgent first. */
export function liveJobsOf(store: Store, gatewayId: string) {
  return store
    .selectFrom('job')
    .innerJoin('update', 'update.id', 'job.updateId')
    .innerJoin('deviceType', 'deviceType.id', 'job.deviceTypeId')
    .where('job.gatewayId', '=', gatewayId)
    .where('job.state', 'in', LIVE_STATES)
    .select([
      'job.id as jobId',
      'job.updateId',
      'job.state',
      'job.sequence',
      'job.priority',
      'job.deadlineMs',
      'job.windows',
      'job.paused',
      'job.kind',
      'job.target',
      'update.version',
      'update.packageSha256',
      'update.packageSizeBytes',
      'deviceType.vendor',
      'deviceType.name as deviceType',
    ])
    .orderBy('job.priority', 'desc')
    .orderBy('job.id')
    .execute();
}
export type LiveJob = Awaited<ReturnType<typeof liveJobsOf>>[number];
