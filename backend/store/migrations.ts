/** One entry per change of the tables, in order; never edited once released. The types used exist in PostgreSQL too. */

import { type Kysely, sql } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';

type Schema = Kysely<unknown>;

async function tokens(db: Schema): Promise<void> {
  await db.schema
    .createTable('token')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('tokenSha256', 'text', (c) => c.notNull().unique())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('createdMs', 'bigint', (c) => c.notNull())
    .addColumn('expiresMs', 'bigint')
    .addColumn('revokedMs', 'bigint')
    .execute();
}

async function deviceTypes(db: Schema): Promise<void> {
  await db.schema
    .createTable('deviceType')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('vendor', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('slotSizeBytes', 'bigint')
    .addColumn('hardwareRevisions', 'text', (c) => c.notNull())
    .addColumn('lastSequence', 'bigint', (c) => c.notNull())
    .addColumn('createdMs', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('deviceTypeNamedOnce', ['vendor', 'name'])
    .execute();
}

async function updates(db: Schema): Promise<void> {
  await db.schema
    .createTable('update')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('deviceTypeId', 'text', (c) => c.notNull().references('deviceType.id'))
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('approval', 'text', (c) => c.notNull())
    .addColumn('notes', 'text', (c) => c.notNull())
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('scheduleMs', 'bigint')
    .addColumn('deadlineMs', 'bigint')
    .addColumn('audience', 'text', (c) => c.notNull())
    .addColumn('encoding', 'text')
    .addColumn('contentSha256', 'text', (c) => c.notNull())
    .addColumn('contentSizeBytes', 'bigint', (c) => c.notNull())
    .addColumn('packageSha256', 'text')
    .addColumn('packageSizeBytes', 'bigint')
    .addColumn('payloadSizeBytes', 'bigint')
    .addColumn('fullSizeBytes', 'bigint')
    .addColumn('withdrawnMs', 'bigint')
    .addColumn('author', 'text', (c) => c.notNull())
    .addColumn('createdMs', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('updateSequenceOnce', ['deviceTypeId', 'sequence'])
    .addUniqueConstraint('updateVersionOnce', ['deviceTypeId', 'kind', 'target', 'version'])
    .execute();
}

async function gateways(db: Schema): Promise<void> {
  await db.schema
    .createTable('gateway')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('certificateSha256', 'text', (c) => c.notNull().unique())
    .addColumn('createdMs', 'bigint', (c) => c.notNull())
    .addColumn('revokedMs', 'bigint')
    .addColumn('software', 'text')
    .addColumn('connectedMs', 'bigint')
    .addColumn('heartbeatMs', 'bigint')
    .addColumn('heartbeat', 'text')
    .execute();
}

async function jobs(db: Schema): Promise<void> {
  await db.schema
    .createTable('job')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('updateId', 'text', (c) => c.notNull().references('update.id'))
    .addColumn('gatewayId', 'text', (c) => c.notNull().references('gateway.id'))
    .addColumn('deviceTypeId', 'text', (c) => c.notNull().references('deviceType.id'))
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('sequence', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('scheduleMs', 'bigint', (c) => c.notNull())
    .addColumn('deadlineMs', 'bigint')
    .addColumn('createdMs', 'bigint', (c) => c.notNull())
    .addColumn('changedMs', 'bigint', (c) => c.notNull())
    .addColumn('onAirGroups', 'bigint', (c) => c.notNull())
    .addColumn('onAirFirstMs', 'bigint')
    .addColumn('onAirLastMs', 'bigint')
    .addColumn('onAirCountedMs', 'bigint')
    .execute();
  await db.schema.createIndex('jobByState').on('job').columns(['state', 'scheduleMs']).execute();
  await db.schema.createIndex('jobByGateway').on('job').columns(['gatewayId', 'state']).execute();
  await db.schema.createIndex('jobByUpdate').on('job').columns(['updateId', 'gatewayId']).execute();
  await db.schema
    .createIndex('jobOpenOnce')
    .on('job')
    .columns(['updateId', 'gatewayId'])
    .unique()
    .where(sql.ref('state'), 'in', ['planned', 'due', 'stored', 'on-air'])
    .execute();
  await db.schema
    .createTable('jobEvent')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('jobId', 'text', (c) => c.notNull().references('job.id'))
    .addColumn('fromState', 'text', (c) => c.notNull())
    .addColumn('toState', 'text', (c) => c.notNull())
    .addColumn('detail', 'text', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('atMs', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('jobEventByJob').on('jobEvent').columns(['jobId', 'id']).execute();
}

async function audit(db: Schema): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('detail', 'text', (c) => c.notNull())
    .addColumn('atMs', 'bigint', (c) => c.notNull())
    .execute();
}

/** SQLite adds one column at a time. */
async function windowsAndPause(db: Schema): Promise<void> {
  for (const table of ['update', 'job'])
    await db.schema
      .alterTable(table)
      .addColumn('windows', 'text', (c) => c.notNull().defaultTo('[]'))
      .execute();
  await db.schema
    .alterTable('job')
    .addColumn('paused', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}

async function ways(db: Schema): Promise<void> {
  await db.schema
    .alterTable('update')
    .addColumn('ways', 'text', (c) => c.notNull().defaultTo('[]'))
    .execute();
}

const MIGRATIONS: Record<string, Migration> = {
  '0001-first': {
    async up(db) {
      await tokens(db);
      await deviceTypes(db);
      await updates(db);
      await gateways(db);
      await jobs(db);
      await audit(db);
    },
  },
  '0002-windows-and-pause': { up: windowsAndPause },
  '0003-ways': { up: ways },
};

export const migrations: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
