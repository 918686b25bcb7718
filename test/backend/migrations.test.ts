import { join } from 'node:path';
import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { expect, it } from 'vitest';
import { migrations } from '../../backend/store/migrations.ts';
import { nodeSqliteDialect } from '../../backend/store/node-sqlite.ts';
import { openStore } from '../../backend/store/open.ts';
import type { Tables } from '../../backend/store/tables.ts';
import { temporaryFolder } from './stage.ts';

it('a database of version 0.1.0 is taken over: its jobs are on air all day and not paused', async () => {
  const path = join(await temporaryFolder(), 'carillon.db');
  const old = new Kysely<Tables>({ dialect: nodeSqliteDialect(path) });
  await new Migrator({ db: old, provider: migrations }).migrateTo('0001-first');
  const times = { createdMs: 1, scheduleMs: 1, deadlineMs: null };
  const named = { id: 'd', vendor: 'v', name: 'n', slotSizeBytes: null, hardwareRevisions: '[]', lastSequence: 1 };
  await old
    .insertInto('deviceType')
    .values({ ...named, createdMs: 1 })
    .execute();
  const certificate = { certificateSha256: '0', createdMs: 1, revokedMs: null, software: null };
  const heard = { connectedMs: null, heartbeatMs: null, heartbeat: null };
  await old
    .insertInto('gateway')
    .values({ id: 'g', name: 'north', ...certificate, ...heard })
    .execute();
  const what = { deviceTypeId: 'd', kind: 'image', target: 'rootfs', sequence: 1, priority: 5 } as const;
  const texts = { name: 'n', version: '1', notes: '', audience: '"all"', author: 'console' };
  const sizes = { contentSha256: '0', contentSizeBytes: 1, packageSha256: null, packageSizeBytes: null };
  const more = { encoding: null, payloadSizeBytes: null, fullSizeBytes: null, withdrawnMs: null };
  await old
    .insertInto('update')
    // The columns of that version.
    .values({ id: 'u', ...what, ...texts, ...sizes, ...more, ...times, state: 'ready', approval: 'approved' } as never)
    .execute();
  const onAir = { onAirGroups: 0, onAirFirstMs: null, onAirLastMs: null, onAirCountedMs: null };
  const job = {
    id: 'j',
    updateId: 'u',
    gatewayId: 'g',
    ...what,
    ...times,
    changedMs: 1,
    ...onAir,
    state: 'on-air',
    reason: '',
  };
  await old
    .insertInto('job')
    .values(job as never)
    .execute();
  await old.destroy();
  const store = await openStore(path);
  expect(await store.selectFrom('job').selectAll().execute()).toEqual([{ ...job, windows: '[]', paused: 0 }]);
  expect(await store.selectFrom('update').select(['id', 'windows', 'ways']).execute()).toEqual([
    { id: 'u', windows: '[]', ways: '[]' },
  ]);
  await store.destroy();
});
