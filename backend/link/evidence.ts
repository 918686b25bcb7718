/** What a gateway says, turned into facts in the database. Only *on air* is ever learned here, and only as counted. */

import type { Heartbeat, Receipt, ReceiptState } from '#codec/messages/link.ts';
import { type JobEvent, OPEN_STATES } from '../job-states.ts';
import type { Actor } from '../store/audit.ts';
import { apply, applyTo } from '../store/jobs.ts';
import type { Store } from '../store/open.ts';

export interface KnownGateway {
  readonly id: string;
  readonly name: string;
}

function actorOf(gateway: KnownGateway): Actor {
  return `gateway:${gateway.name}`;
}

const EVENT_OF: Record<ReceiptState, JobEvent> = {
  stored: 'stored',
  refused: 'refused',
  'on-air': 'on-air',
  finished: 'finished',
};

/** Whether the receipt changed the job; a repeated or late one does not. */
export function recordReceipt(store: Store, gateway: KnownGateway, receipt: Receipt, atMs: number): Promise<boolean> {
  return applyTo(store, { jobId: receipt.jobId, gatewayId: gateway.id }, EVENT_OF[receipt.state], {
    actor: actorOf(gateway),
    reason: receipt.detail,
    atMs,
  });
}

/** A gateway that says hello may have stored things whose receipt was lost with the last connection. */
export async function recordHello(
  store: Store,
  gateway: KnownGateway,
  hello: { software: string; storedJobIds: readonly string[] },
  atMs: number,
): Promise<void> {
  await store.transaction().execute(async (tx) => {
    await tx
      .updateTable('gateway')
      .set({ software: hello.software, connectedMs: atMs })
      .where('id', '=', gateway.id)
      .execute();
    if (hello.storedJobIds.length === 0) return;
    const due = await tx
      .selectFrom('job')
      .select(['id', 'state'])
      .where('gatewayId', '=', gateway.id)
      .where('state', '=', 'due')
      .where('id', 'in', hello.storedJobIds)
      .execute();
    for (const job of due) await apply(tx, job, 'stored', { actor: actorOf(gateway), reason: 'Said at hello.', atMs });
  });
}

/** A job whose groups were counted is on air, also when its receipt never came. */
export async function recordHeartbeat(
  store: Store,
  gateway: KnownGateway,
  heartbeat: Heartbeat,
  atMs: number,
): Promise<void> {
  await store.transaction().execute(async (tx) => {
    await tx
      .updateTable('gateway')
      .set({ heartbeatMs: atMs, heartbeat: JSON.stringify(heartbeat) })
      .where('id', '=', gateway.id)
      .execute();
    for (const counted of heartbeat.onAir) {
      const job = await tx
        .selectFrom('job')
        .select(['id', 'state'])
        .where('id', '=', counted.jobId)
        .where('gatewayId', '=', gateway.id)
        .executeTakeFirst();
      if (job === undefined || counted.groups === 0) continue;
      await tx
        .updateTable('job')
        .set({
          onAirGroups: counted.groups,
          onAirFirstMs: counted.firstGroupMs,
          onAirLastMs: counted.lastGroupMs,
          onAirCountedMs: atMs,
        })
        .where('id', '=', job.id)
        .execute();
      if (OPEN_STATES.includes(job.state))
        await apply(tx, job, 'on-air', { actor: actorOf(gateway), reason: 'Counted in a heartbeat.', atMs });
    }
  });
}
