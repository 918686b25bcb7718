import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { allowed } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import { packagePath } from '../data-folder.ts';
import { Refusal } from '../refusal.ts';
import { parseTime } from '../time.ts';
import { createUpdate } from '../updates/create.ts';
import { parseFields } from '../updates/fields.ts';
import { receiveForm } from '../updates/receive-form.ts';
import { scheduleUpdate, withdrawUpdate } from '../updates/schedule.ts';
import { selectUpdates, viewUpdates } from '../updates/view.ts';
import { parseWindows } from '../windows.ts';
import { cut, pageOf } from './paging.ts';
import { whileProcessing } from './patience.ts';
import {
  ErrorBody,
  IdParams,
  Paging,
  page,
  ScheduleBody,
  Update,
  UpdateForm,
  type UpdateView,
  WithdrawBody,
} from './schemas.ts';

const tags = ['updates'];

async function one({ store }: Backend, id: string): Promise<UpdateView> {
  const row = await selectUpdates(store).where('update.id', '=', id).executeTakeFirst();
  const [view] = row === undefined ? [] : await viewUpdates(store, [row]);
  if (view === undefined) throw new Refusal('not-found', `There is no update ${JSON.stringify(id)}.`);
  return view;
}

function readRoutes(backend: Backend): FastifyPluginAsyncTypebox {
  const { store, folder } = backend;
  return async (app) => {
    app.get(
      '/v1/updates',
      {
        schema: {
          summary: 'List updates',
          tags,
          querystring: Paging,
          response: { 200: page(Update), '4xx': ErrorBody },
        },
      },
      async (request) => {
        allowed(request, 'read');
        const wanted = pageOf(request.query);
        const rows = await selectUpdates(store)
          .where('update.id', '<', wanted.before)
          .orderBy('update.id', 'desc')
          .limit(wanted.limit + 1)
          .execute();
        return cut(await viewUpdates(store, rows), wanted);
      },
    );

    app.get(
      '/v1/updates/:id',
      { schema: { summary: 'Show an update', tags, params: IdParams, response: { 200: Update, '4xx': ErrorBody } } },
      (request) => {
        allowed(request, 'read');
        return one(backend, request.params.id);
      },
    );

    app.get(
      '/v1/updates/:id/package',
      {
        schema: {
          summary: 'The sealed package, as it goes on air',
          tags,
          params: IdParams,
          produces: ['application/octet-stream'],
          response: { 200: Type.Unsafe<Readable>({ type: 'string', format: 'binary' }), '4xx': ErrorBody },
        },
        // The answer is a file, not JSON.
        serializerCompiler: () => (data) => JSON.stringify(data),
      },
      async (request, reply) => {
        allowed(request, 'read');
        const update = await one(backend, request.params.id);
        if (update.packageSha256 === null)
          throw new Refusal(
            'update-not-ready',
            'The package of this update is still being made. Try again in a moment.',
          );
        const name = `${update.deviceType.name}-${update.version}`.replaceAll(/[^\w.-]/g, '_');
        return reply
          .type('application/octet-stream')
          .header('content-length', update.sizes.onAirBytes)
          .header('content-disposition', `attachment; filename="${name}.carillon"`)
          .header('etag', `"${update.packageSha256}"`)
          .send(createReadStream(packagePath(folder, update.id)));
      },
    );
  };
}

function writeRoutes(backend: Backend): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/updates',
      {
        schema: {
          summary: 'Upload content; it is packed, signed and, with a scheduleTime, planned',
          tags,
          consumes: ['multipart/form-data'],
          body: UpdateForm,
          response: { 201: Update, '4xx': ErrorBody, 507: ErrorBody },
        },
        // The form is read and checked by hand, so that the file goes to the disk and not into memory.
        validatorCompiler: () => () => true,
      },
      async (request, reply) => {
        const identity = allowed(request, 'upload');
        const { fields, file } = await receiveForm(request, backend);
        try {
          const work = createUpdate(backend, parseFields(fields, backend.nowMs()), file, identity);
          const id = await whileProcessing(reply.raw, work);
          await backend.changed();
          return await reply.code(201).send(await one(backend, id));
        } finally {
          await rm(file.path, { force: true });
        }
      },
    );

    app.post(
      '/v1/updates/:id/schedule',
      {
        schema: {
          summary: 'Say when and where it is broadcast',
          tags,
          params: IdParams,
          body: ScheduleBody,
          response: { 200: Update, '4xx': ErrorBody },
        },
      },
      async (request) => {
        const identity = allowed(request, 'schedule');
        const { at, deadline, priority, windows, gateways } = request.body;
        const nowMs = backend.nowMs();
        const order = {
          scheduleMs: parseTime(at, 'at', nowMs),
          ...(deadline !== undefined && {
            deadlineMs: deadline === null ? null : parseTime(deadline, 'deadline', nowMs),
          }),
          ...(priority !== undefined && { priority }),
          ...(windows !== undefined && { windows: parseWindows(windows) }),
          ...(gateways !== undefined && { audience: gateways }),
        };
        await scheduleUpdate(backend, request.params.id, order, identity);
        return one(backend, request.params.id);
      },
    );

    app.post(
      '/v1/updates/:id/withdraw',
      {
        schema: {
          summary: 'Stop broadcasting it, for good',
          tags,
          params: IdParams,
          body: Type.Optional(WithdrawBody),
          response: { 200: Update, '4xx': ErrorBody },
        },
      },
      async (request) => {
        const identity = allowed(request, 'withdraw');
        const reason = request.body?.reason ?? `Withdrawn by ${identity.name}.`;
        await withdrawUpdate(backend, request.params.id, reason, identity);
        return one(backend, request.params.id);
      },
    );
  };
}

export function updateRoutes(backend: Backend): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(readRoutes(backend));
    await app.register(writeRoutes(backend));
  };
}
