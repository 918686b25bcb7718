/** When and where an update is broadcast, and that it is not any more. */

import type { DailyWindow } from '#codec/messages/link.ts';
import type { Identity } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import { LIVE_STATES, OPEN_STATES } from '../job-states.ts';
import { Refusal } from '../refusal.ts';
import { type Actor, record } from '../store/audit.ts';
import { apply, insertPlanned, setPaused, withdrawJobsOf } from '../store/jobs.ts';
import type { Change, Store } from '../store/open.ts';
import { checkSpan } from '../time.ts';
import type { Audience } from './fields.ts';

/** Every named gateway exists and is not revoked. */
export async function checkAudience(store: Store, audience: Audience): Promise<void> {
  if (audience === 'all') return;
  const known = await store.selectFrom('gateway').select('name').where('revokedMs', 'is', null).execute();
  const unknown = audience.find((name) => !known.some((gateway) => gateway.name === name));
  if (unknown !== undefined)
    throw new Refusal(
      'gateway-unknown',
      `There is no gateway ${JSON.stringify(unknown)}. ` +
        (known.length === 0
          ? 'None was added yet: use "backend gateway add NAME".'
          : `There are ${known.map(({ name }) => name).join(', ')}.`),
    );
}

/** What is too large for the air can be kept as the base of deltas, but not be scheduled. */
export function checkAirSize(packageSizeBytes: number, maxPackageBytes: number): void {
  if (packageSizeBytes > maxPackageBytes)
    throw new Refusal(
      'package-too-large',
      `The package has ${packageSizeBytes} bytes, more than the ${maxPackageBytes} that can go on air. It was not scheduled. ` +
        'Upload what the devices run now first, without a scheduleTime: then a delta is possible.',
    );
}

/** Makes the open jobs of an update agree with its row: at each of its gateways one, at no other any. */
export async function planJobs(tx: Change, updateId: string, actor: Actor, atMs: number): Promise<void> {
  const update = await tx.selectFrom('update').selectAll().where('id', '=', updateId).executeTakeFirstOrThrow();
  const audience = JSON.parse(update.audience) as Audience;
  const gateways = (
    await tx.selectFrom('gateway').select(['id', 'name']).where('revokedMs', 'is', null).execute()
  ).filter(({ name }) => audience === 'all' || audience.includes(name));
  const open = await tx
    .selectFrom('job')
    .select(['id', 'gatewayId', 'state'])
    .where('updateId', '=', updateId)
    .where('state', 'in', OPEN_STATES)
    .execute();
  const scheduleMs = update.scheduleMs ?? atMs;
  const { priority, deadlineMs, windows } = update;
  const kept = new Set<string>();
  for (const job of open) {
    const wanted = gateways.some(({ id }) => id === job.gatewayId);
    const postponed = LIVE_STATES.includes(job.state) && scheduleMs > atMs;
    if (!wanted || postponed) {
      const reason = wanted ? 'Scheduled for later.' : 'No longer meant for this gateway.';
      await apply(tx, job, 'withdraw', { actor, reason, atMs });
      continue;
    }
    kept.add(job.gatewayId);
    const change =
      job.state === 'planned' ? { priority, deadlineMs, windows, scheduleMs } : { priority, deadlineMs, windows };
    await tx.updateTable('job').set(change).where('id', '=', job.id).execute();
  }
  for (const { id } of gateways) if (!kept.has(id)) await insertPlanned(tx, update, id, atMs);
}

export interface ScheduleOrder {
  readonly scheduleMs: number;
  readonly deadlineMs?: number | null;
  readonly priority?: number;
  readonly windows?: readonly DailyWindow[];
  readonly audience?: Audience;
}

export async function scheduleUpdate(backend: Backend, id: string, order: ScheduleOrder, by: Identity): Promise<void> {
  const atMs = backend.nowMs();
  if (order.audience !== undefined) await checkAudience(backend.store, order.audience);
  await backend.store.transaction().execute(async (tx) => {
    const update = await findUpdate(tx, id);
    if (update.withdrawnMs !== null)
      throw new Refusal(
        'update-withdrawn',
        'This update was withdrawn and stays so. Upload the content again as a new version.',
      );
    if (update.state !== 'ready')
      throw new Refusal('update-not-ready', 'The package of this update is still being made. Try again in a moment.');
    checkAirSize(update.packageSizeBytes ?? 0, backend.maxPackageBytes);
    const deadlineMs = order.deadlineMs === undefined ? update.deadlineMs : order.deadlineMs;
    checkSpan({ scheduleMs: order.scheduleMs, deadlineMs }, atMs);
    await tx
      .updateTable('update')
      .set({
        scheduleMs: order.scheduleMs,
        deadlineMs,
        ...(order.priority !== undefined && { priority: order.priority }),
        ...(order.windows !== undefined && { windows: JSON.stringify(order.windows) }),
        ...(order.audience !== undefined && { audience: JSON.stringify(order.audience) }),
      })
      .where('id', '=', id)
      .execute();
    await planJobs(tx, id, by.actor, atMs);
    await record(tx, { actor: by.actor, action: 'update.schedule', subject: id, detail: JSON.stringify(order), atMs });
  });
  await backend.changed();
}

export async function withdrawUpdate(backend: Backend, id: string, reason: string, by: Identity): Promise<number> {
  const atMs = backend.nowMs();
  const withdrawn = await backend.store.transaction().execute(async (tx) => {
    const update = await findUpdate(tx, id);
    if (update.withdrawnMs === null) {
      await tx.updateTable('update').set({ withdrawnMs: atMs }).where('id', '=', id).execute();
      await record(tx, { actor: by.actor, action: 'update.withdraw', subject: id, detail: reason, atMs });
    }
    return withdrawJobsOf(tx, id, { actor: by.actor, reason, atMs });
  });
  await backend.changed();
  return withdrawn;
}

/** Off the air, or on it again; the gateway keeps the package meanwhile. */
export async function pauseJob(backend: Backend, jobId: string, paused: boolean, by: Identity): Promise<void> {
  const atMs = backend.nowMs();
  await backend.store.transaction().execute(async (tx) => {
    const job = await tx.selectFrom('job').select('state').where('id', '=', jobId).executeTakeFirst();
    if (job === undefined)
      throw new Refusal('not-found', `There is no job ${JSON.stringify(jobId)}. GET /v1/jobs lists them.`);
    if (!(await setPaused(tx, jobId, paused, atMs)))
      throw new Refusal('job-ended', `This job has ended (${job.state}); nothing was changed.`);
    await record(tx, {
      actor: by.actor,
      action: paused ? 'job.pause' : 'job.resume',
      subject: jobId,
      detail: '',
      atMs,
    });
  });
  await backend.changed();
}

async function findUpdate(tx: Change, id: string) {
  const update = await tx.selectFrom('update').selectAll().where('id', '=', id).executeTakeFirst();
  if (update === undefined) throw new Refusal('not-found', `There is no update ${JSON.stringify(id)}.`);
  return update;
}
