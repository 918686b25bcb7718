/**
 * From an upload to an update: checked, numbered, packed, signed, planned. What is acknowledged is on the disk; what fails
 * leaves nothing but a gap in the sequence numbers.
 *
 *     row `making` (takes version and sequence) -> content in place -> package in place -> row `ready` and jobs
 *
 * A crash leaves a `making` row or stray files; `cleanUp` removes both at the next start.
 */

import { readdir, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Selectable } from 'kysely';
import type { Identity } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import { contentPath, packagePath, syncFolder } from '../data-folder.ts';
import { PackError, type Packed } from '../packaging/pack.ts';
import { isDiskFull, type ReceivedFile } from '../receive-file.ts';
import { Refusal } from '../refusal.ts';
import { record } from '../store/audit.ts';
import { newId } from '../store/identify.ts';
import { isDatabaseFull, isUniqueViolation } from '../store/node-sqlite.ts';
import type { Store } from '../store/open.ts';
import type { DeviceTypeTable } from '../store/tables.ts';
import type { UpdateFields } from './fields.ts';
import { checkAirSize, checkAudience, planJobs } from './schedule.ts';

type DeviceType = Selectable<DeviceTypeTable>;

export async function findDeviceType(store: Store, id: string): Promise<DeviceType> {
  const row = await store.selectFrom('deviceType').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined)
    throw new Refusal(
      'device-type-unknown',
      `There is no device type ${JSON.stringify(id)}. GET /v1/device-types lists them.`,
    );
  return row;
}

/** Uploads stream side by side; packing takes a processor and much memory, so one at a time. */
let queue: Promise<unknown> = Promise.resolve();

export function createUpdate(
  backend: Backend,
  fields: UpdateFields,
  file: ReceivedFile,
  by: Identity,
): Promise<string> {
  const made = queue.then(() => create(backend, fields, file, by));
  queue = made.catch(() => undefined);
  return made;
}

async function create(backend: Backend, fields: UpdateFields, file: ReceivedFile, by: Identity): Promise<string> {
  const { store, folder } = backend;
  const deviceType = await findDeviceType(store, fields.deviceTypeId);
  checkFile(fields, file, deviceType);
  await checkAudience(store, fields.audience);
  const bases = await findBases(store, fields);
  const { id, sequence } = await takeNumber(backend, fields, file, by);
  try {
    await rename(file.path, contentPath(folder, file.sha256Hex));
    await syncFolder(folder.contents);
    const packed = await backend.pack({
      description: {
        vendor: deviceType.vendor,
        deviceType: deviceType.name,
        hardwareRevisions: JSON.parse(deviceType.hardwareRevisions) as number[],
        version: fields.version,
        sequence,
        kind: fields.kind,
        target: fields.target,
        author: by.name,
        notes: fields.notes,
      },
      contentPath: contentPath(folder, file.sha256Hex),
      bases: bases.map(({ version, contentSha256 }) => ({ version, path: contentPath(folder, contentSha256) })),
      encoding: fields.encoding,
      packagePath: packagePath(folder, id),
    });
    if (fields.scheduleMs !== null) checkAirSize(packed.packageSizeBytes, backend.maxPackageBytes);
    await makeReady(backend, id, fields, packed, by);
  } catch (error) {
    await forget(backend, id, file.sha256Hex);
    throw asRefusal(error);
  }
  return id;
}

function asRefusal(error: unknown): unknown {
  if (isDiskFull(error) || isDatabaseFull(error) || (error instanceof PackError && error.code === 'ENOSPC'))
    return diskFull(error);
  if (error instanceof PackError && error.code === 'MANIFEST')
    return new Refusal('field-invalid', error.message, error);
  return error;
}

export function diskFull(cause: unknown): Refusal {
  return new Refusal(
    'disk-full',
    'The disk of the backend is full. Nothing was kept of this upload; free some space and upload again.',
    cause,
  );
}

function checkFile(fields: UpdateFields, file: ReceivedFile, deviceType: DeviceType): void {
  if (file.sizeBytes === 0) throw new Refusal('file-empty', 'The file is empty. Nothing was stored.');
  if (fields.sha256 !== undefined && fields.sha256 !== file.sha256Hex)
    throw new Refusal(
      'sha256-mismatch',
      `The content that arrived has the SHA-256 ${file.sha256Hex}, not ${fields.sha256}. It was not stored; upload it again.`,
    );
  if (fields.kind === 'image' && deviceType.slotSizeBytes !== null && file.sizeBytes > deviceType.slotSizeBytes)
    throw largerThanSlot(deviceType, file.sizeBytes);
}

export function largerThanSlot(deviceType: DeviceType, sizeBytes: number): Refusal {
  return new Refusal(
    'file-larger-than-slot',
    `The image has ${sizeBytes} bytes or more; a slot of ${deviceType.vendor}/${deviceType.name} has ${deviceType.slotSizeBytes}.`,
  );
}

interface Base {
  /** Several with commas, where they have the same content. */
  readonly version: string;
  readonly contentSha256: string;
}

/** No two with the same content. */
async function findBases(store: Store, fields: UpdateFields): Promise<Base[]> {
  if (fields.encoding === 'full') return [];
  const earlier = await store
    .selectFrom('update')
    .select(['version', 'contentSha256'])
    .where('deviceTypeId', '=', fields.deviceTypeId)
    .where('kind', '=', fields.kind)
    .where('target', '=', fields.target)
    .where('state', '=', 'ready')
    .orderBy('sequence', 'desc')
    .execute();
  if (fields.bases.length === 0) {
    if (fields.encoding === 'delta' && earlier.length === 0)
      throw new Refusal(
        'delta-impossible',
        'There is no earlier update of this device type to make a delta from. Upload with encoding full or auto.',
      );
    return earlier.slice(0, 1);
  }
  const versions = new Map<string, string[]>();
  for (const version of new Set(fields.bases)) {
    const base = earlier.find((update) => update.version === version);
    if (base === undefined)
      throw new Refusal('base-unknown', `There is no earlier version ${JSON.stringify(version)} to make a delta from.`);
    versions.set(base.contentSha256, [...(versions.get(base.contentSha256) ?? []), version]);
  }
  return [...versions].map(([contentSha256, same]) => ({ version: same.join(', '), contentSha256 }));
}

async function takeNumber(
  backend: Backend,
  fields: UpdateFields,
  file: ReceivedFile,
  by: Identity,
): Promise<{ id: string; sequence: number }> {
  const id = newId();
  const atMs = backend.nowMs();
  try {
    const sequence = await backend.store.transaction().execute(async (tx) => {
      const { lastSequence } = await tx
        .updateTable('deviceType')
        .set((eb) => ({ lastSequence: eb('lastSequence', '+', 1) }))
        .where('id', '=', fields.deviceTypeId)
        .returning('lastSequence')
        .executeTakeFirstOrThrow();
      await tx
        .insertInto('update')
        .values({
          id,
          deviceTypeId: fields.deviceTypeId,
          kind: fields.kind,
          name: fields.name,
          target: fields.target,
          version: fields.version,
          sequence: lastSequence,
          state: 'making',
          approval: 'approved',
          notes: fields.notes,
          priority: fields.priority,
          scheduleMs: fields.scheduleMs,
          deadlineMs: fields.deadlineMs,
          windows: JSON.stringify(fields.windows),
          audience: JSON.stringify(fields.audience),
          encoding: null,
          ways: '[]',
          contentSha256: file.sha256Hex,
          contentSizeBytes: file.sizeBytes,
          packageSha256: null,
          packageSizeBytes: null,
          payloadSizeBytes: null,
          fullSizeBytes: null,
          withdrawnMs: null,
          author: by.actor,
          createdMs: atMs,
        })
        .execute();
      return lastSequence;
    });
    return { id, sequence };
  } catch (error) {
    if (isUniqueViolation(error))
      throw new Refusal(
        'version-exists',
        `There is a version ${JSON.stringify(fields.version)} of this already. A version names one content forever: choose another.`,
        error,
      );
    throw error;
  }
}

async function makeReady(
  backend: Backend,
  id: string,
  fields: UpdateFields,
  packed: Packed,
  by: Identity,
): Promise<void> {
  const atMs = backend.nowMs();
  await backend.store.transaction().execute(async (tx) => {
    await tx
      .updateTable('update')
      .set({
        state: 'ready',
        encoding: packed.encoding,
        ways: JSON.stringify(packed.ways),
        packageSha256: packed.packageSha256Hex,
        packageSizeBytes: packed.packageSizeBytes,
        payloadSizeBytes: packed.payloadSizeBytes,
        fullSizeBytes: packed.fullSizeBytes,
      })
      .where('id', '=', id)
      .where('state', '=', 'making')
      .execute();
    if (fields.scheduleMs !== null) await planJobs(tx, id, by.actor, atMs);
    await record(tx, { actor: by.actor, action: 'update.create', subject: id, detail: fields.version, atMs });
  });
}

/** Takes back what `create` did. The sequence number stays used. */
async function forget(backend: Backend, id: string, contentSha256: string): Promise<void> {
  const { store, folder } = backend;
  await store.deleteFrom('update').where('id', '=', id).where('state', '=', 'making').execute();
  await rm(packagePath(folder, id), { force: true });
  const others = await store
    .selectFrom('update')
    .select('id')
    .where('contentSha256', '=', contentSha256)
    .executeTakeFirst();
  if (others === undefined) await rm(contentPath(folder, contentSha256), { force: true });
}

/** At start, before anything is served: what a crash left half made. How many things were removed. */
export async function cleanUp({ store, folder }: Pick<Backend, 'store' | 'folder'>): Promise<number> {
  const unfinished = await store.deleteFrom('update').where('state', '=', 'making').executeTakeFirst();
  let removed = Number(unfinished.numDeletedRows);
  const updates = await store.selectFrom('update').select(['id', 'contentSha256']).execute();
  const packages = new Set(updates.map(({ id }) => `${id}.carillon`));
  const contents = new Set(updates.map(({ contentSha256 }) => contentSha256));
  const strays = [
    ...(await readdir(folder.incoming)).map((name) => join(folder.incoming, name)),
    ...(await readdir(folder.packages))
      .filter((name) => !packages.has(name))
      .map((name) => join(folder.packages, name)),
    ...(await readdir(folder.contents))
      .filter((name) => !contents.has(name))
      .map((name) => join(folder.contents, name)),
  ];
  for (const path of strays) await unlink(path);
  removed += strays.length;
  return removed;
}
