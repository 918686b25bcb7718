/**
 * What time does to jobs. `tick` is one transaction and says what changed; it may be run by several processes and at any
 * interval. Gateways are told by comparing what they hold with what is live (link/session.ts), so a crash between the
 * transaction and the telling loses nothing, and a job comes due once.
 */

import { HELD_STATES, LIVE_STATES, OPEN_STATES } from './job-states.ts';
import { apply, insertPlanned } from './store/jobs.ts';
import type { Change, Store } from './store/open.ts';

export interface TickResult {
  readonly due: readonly string[];
  readonly superseded: readonly string[];
  readonly expired: readonly string[];
}

export function tick(store: Store, nowMs: number): Promise<TickResult> {
  return store.transaction().execute(async (tx) => {
    await planForNewGateways(tx, nowMs);
    const expired = await expire(tx, nowMs);
    const due = await comeDue(tx, nowMs);
    const superseded = await supersede(tx, nowMs);
    return { due: due.filter((id) => !superseded.includes(id)), superseded, expired };
  });
}

/** An update for all gateways is also for those that were added since, unless a newer one has taken its place. */
async function planForNewGateways(tx: Change, nowMs: number): Promise<void> {
  const missing = await tx
    .selectFrom('update')
    .innerJoin('gateway', (join) => join.on('gateway.revokedMs', 'is', null))
    .where('update.audience', '=', '"all"')
    .where('update.state', '=', 'ready')
    .where('update.scheduleMs', 'is not', null)
    .where('update.withdrawnMs', 'is', null)
    .where((eb) => eb.or([eb('update.deadlineMs', 'is', null), eb('update.deadlineMs', '>', nowMs)]))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('job')
            .select('job.id')
            .whereRef('job.updateId', '=', 'update.id')
            .whereRef('job.gatewayId', '=', 'gateway.id'),
        ),
      ),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('update as newer')
            .select('newer.id')
            .whereRef('newer.deviceTypeId', '=', 'update.deviceTypeId')
            .whereRef('newer.kind', '=', 'update.kind')
            .whereRef('newer.target', '=', 'update.target')
            .whereRef('newer.sequence', '>', 'update.sequence')
            .where('newer.withdrawnMs', 'is', null)
            .where('newer.scheduleMs', '<=', nowMs),
        ),
      ),
    )
    .select([
      'update.id',
      'update.deviceTypeId',
      'update.kind',
      'update.target',
      'update.sequence',
      'update.priority',
      'update.scheduleMs',
      'update.deadlineMs',
      'update.windows',
      'gateway.id as gatewayId',
    ])
    .execute();
  for (const { gatewayId, ...update } of missing) await insertPlanned(tx, update, gatewayId, nowMs);
}

async function expire(tx: Change, nowMs: number): Promise<string[]> {
  const late = await tx
    .selectFrom('job')
    .select(['id', 'state'])
    .where('state', 'in', OPEN_STATES)
    .where('deadlineMs', '<=', nowMs)
    .execute();
  const expired: string[] = [];
  for (const job of late)
    if (await apply(tx, job, 'expire', { actor: 'schedule', reason: 'The deadline has passed.', atMs: nowMs }))
      expired.push(job.id);
  return expired;
}

async function comeDue(tx: Change, nowMs: number): Promise<string[]> {
  const planned = await tx
    .selectFrom('job')
    .innerJoin('update', 'update.id', 'job.updateId')
    .innerJoin('gateway', 'gateway.id', 'job.gatewayId')
    .select(['job.id', 'job.state'])
    .where('job.state', '=', 'planned')
    .where('job.scheduleMs', '<=', nowMs)
    .where('update.state', '=', 'ready')
    .where('update.approval', '=', 'approved')
    .where('gateway.revokedMs', 'is', null)
    .execute();
  const due: string[] = [];
  for (const job of planned) if (await apply(tx, job, 'come-due', { actor: 'schedule', atMs: nowMs })) due.push(job.id);
  return due;
}

/**
 * At each gateway only the newest sequence of a target stays: devices would refuse the older one afterwards. It takes the older
 * one's place when the gateway holds it, so that something is on air meanwhile. Gateways do that by themselves; this is for what
 * they were not told of any more. An app does not supersede the system image that it runs on.
 */
async function supersede(tx: Change, nowMs: number): Promise<string[]> {
  const older = await tx
    .selectFrom('job as old')
    .innerJoin('job as new', (join) =>
      join
        .onRef('new.gatewayId', '=', 'old.gatewayId')
        .onRef('new.deviceTypeId', '=', 'old.deviceTypeId')
        .onRef('new.kind', '=', 'old.kind')
        .onRef('new.target', '=', 'old.target')
        .onRef('new.sequence', '>', 'old.sequence'),
    )
    .innerJoin('update', 'update.id', 'new.updateId')
    .where('old.state', 'in', LIVE_STATES)
    .where('new.state', 'in', HELD_STATES)
    .where('new.paused', '=', 0)
    .select(['old.id', 'old.state', 'new.sequence', 'update.version'])
    .orderBy('new.sequence', 'desc')
    .execute();
  const superseded: string[] = [];
  for (const { id, state, sequence, version } of older) {
    if (superseded.includes(id)) continue;
    const reason = `Superseded by version ${version} (sequence ${sequence}).`;
    if (await apply(tx, { id, state }, 'withdraw', { actor: 'schedule', reason, atMs: nowMs })) superseded.push(id);
  }
  return superseded;
}
