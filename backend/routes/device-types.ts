import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Selectable } from 'kysely';
import { allowed } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import { Refusal } from '../refusal.ts';
import { record } from '../store/audit.ts';
import { newId } from '../store/identify.ts';
import { isUniqueViolation } from '../store/node-sqlite.ts';
import type { DeviceTypeTable } from '../store/tables.ts';
import { isoTime } from '../time.ts';
import { checkText } from '../updates/fields.ts';
import { cut, pageOf } from './paging.ts';
import { DeviceType, DeviceTypeBody, type DeviceTypeView, ErrorBody, Paging, page } from './schemas.ts';

function view(row: Selectable<DeviceTypeTable>): DeviceTypeView {
  const { id, vendor, name, slotSizeBytes, lastSequence } = row;
  const hardwareRevisions = JSON.parse(row.hardwareRevisions) as number[];
  return { id, vendor, name, slotSizeBytes, hardwareRevisions, lastSequence, createdTime: isoTime(row.createdMs) };
}

export function deviceTypeRoutes({ store, nowMs }: Backend): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/device-types',
      {
        schema: {
          summary: 'Register a device type',
          tags: ['device types'],
          body: DeviceTypeBody,
          response: { 201: DeviceType, '4xx': ErrorBody },
        },
      },
      async (request, reply) => {
        const { actor } = allowed(request, 'register-device-type');
        const { body } = request;
        const row: Selectable<DeviceTypeTable> = {
          id: newId(),
          vendor: checkText(body.vendor, 'vendor', { maxBytes: 64 }),
          name: checkText(body.name, 'name', { maxBytes: 64 }),
          slotSizeBytes: body.slotSizeBytes ?? null,
          hardwareRevisions: JSON.stringify((body.hardwareRevisions ?? []).toSorted((a, b) => a - b)),
          lastSequence: 0,
          createdMs: nowMs(),
        };
        try {
          await store.transaction().execute(async (tx) => {
            await tx.insertInto('deviceType').values(row).execute();
            const detail = `${row.vendor}/${row.name}`;
            await record(tx, { actor, action: 'device-type.create', subject: row.id, detail, atMs: row.createdMs });
          });
        } catch (error) {
          if (isUniqueViolation(error))
            throw new Refusal('device-type-exists', `${row.vendor}/${row.name} is registered already.`, error);
          throw error;
        }
        return reply.code(201).send(view(row));
      },
    );

    app.get(
      '/v1/device-types',
      {
        schema: {
          summary: 'List device types',
          tags: ['device types'],
          querystring: Paging,
          response: { 200: page(DeviceType), '4xx': ErrorBody },
        },
      },
      async (request) => {
        allowed(request, 'read');
        const wanted = pageOf(request.query);
        const rows = await store
          .selectFrom('deviceType')
          .selectAll()
          .where('id', '<', wanted.before)
          .orderBy('id', 'desc')
          .limit(wanted.limit + 1)
          .execute();
        return cut(rows.map(view), wanted);
      },
    );
  };
}
