import type { Selectable } from 'kysely';
import { OPEN_STATES } from '../job-states.ts';
import { CommandError } from '../refusal.ts';
import { record } from './audit.ts';
import { newId } from './identify.ts';
import { apply } from './jobs.ts';
import { isUniqueViolation } from './node-sqlite.ts';
import type { Store } from './open.ts';
import type { GatewayTable } from './tables.ts';

export async function addGateway(
  store: Store,
  { name, certificateSha256, nowMs }: { name: string; certificateSha256: string; nowMs: number },
): Promise<void> {
  try {
    await store.transaction().execute(async (tx) => {
      await tx
        .insertInto('gateway')
        .values({
          id: newId(),
          name,
          certificateSha256,
          createdMs: nowMs,
          revokedMs: null,
          software: null,
          connectedMs: null,
          heartbeatMs: null,
          heartbeat: null,
        })
        .execute();
      await record(tx, {
        actor: 'console',
        action: 'gateway.add',
        subject: name,
        detail: certificateSha256,
        atMs: nowMs,
      });
    });
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CommandError(
        `There is a gateway named "${name}" already. Nothing was changed; choose another name.`,
        1,
        error,
      );
    throw error;
  }
}

export function listGateways(store: Store): Promise<Selectable<GatewayTable>[]> {
  return store.selectFrom('gateway').selectAll().orderBy('id').execute();
}

/** Its connection is closed within seconds, its jobs are withdrawn. How many jobs there were. */
export async function revokeGateway(store: Store, name: string, nowMs: number): Promise<number> {
  return store.transaction().execute(async (tx) => {
    const gateway = await tx
      .selectFrom('gateway')
      .select(['id', 'revokedMs'])
      .where('name', '=', name)
      .executeTakeFirst();
    if (gateway === undefined) throw new CommandError(`There is no gateway named "${name}". Nothing was changed.`);
    if (gateway.revokedMs !== null) return 0;
    await tx.updateTable('gateway').set({ revokedMs: nowMs }).where('id', '=', gateway.id).execute();
    const open = await tx
      .selectFrom('job')
      .select(['id', 'state'])
      .where('gatewayId', '=', gateway.id)
      .where('state', 'in', OPEN_STATES)
      .execute();
    for (const job of open)
      await apply(tx, job, 'withdraw', { actor: 'console', reason: 'The gateway was revoked.', atMs: nowMs });
    await record(tx, { actor: 'console', action: 'gateway.revoke', subject: name, atMs: nowMs });
    return open.length;
  });
}
