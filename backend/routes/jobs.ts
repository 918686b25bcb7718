import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { allowed } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import { JOB_STATES, type JobState } from '../job-states.ts';
import { Refusal } from '../refusal.ts';
import type { JobRow } from '../store/jobs.ts';
import type { Store } from '../store/open.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { pauseJob } from '../updates/schedule.ts';
import { formatWindows, windowsIn } from '../windows.ts';
import { cut, pageOf } from './paging.ts';
import { ErrorBody, IdParams, Job, JobQuery, type JobView, page } from './schemas.ts';

function selectJobs(store: Store) {
  return store
    .selectFrom('job')
    .innerJoin('update', 'update.id', 'job.updateId')
    .innerJoin('deviceType', 'deviceType.id', 'job.deviceTypeId')
    .innerJoin('gateway', 'gateway.id', 'job.gatewayId')
    .selectAll('job')
    .select([
      'update.version',
      'deviceType.vendor',
      'deviceType.name as deviceTypeName',
      'gateway.name as gatewayName',
    ]);
}

type Row = JobRow & { version: string; vendor: string; deviceTypeName: string; gatewayName: string };

function view(row: Row, nowMs: number): JobView {
  return {
    id: row.id,
    updateId: row.updateId,
    gateway: row.gatewayName,
    deviceType: { id: row.deviceTypeId, vendor: row.vendor, name: row.deviceTypeName },
    version: row.version,
    sequence: row.sequence,
    state: row.state,
    reason: row.reason,
    priority: row.priority,
    scheduleTime: isoTime(row.scheduleMs),
    deadline: isoTimeOrNull(row.deadlineMs),
    windows: formatWindows(windowsIn(row.windows)),
    paused: row.paused !== 0,
    createdTime: isoTime(row.createdMs),
    changedTime: isoTime(row.changedMs),
    facts: {
      onAir:
        row.onAirCountedMs === null
          ? null
          : {
              groups: row.onAirGroups,
              firstGroupTime: isoTimeOrNull(row.onAirFirstMs),
              lastGroupTime: isoTimeOrNull(row.onAirLastMs),
              countedTime: isoTime(row.onAirCountedMs),
              countAgeSeconds: Math.max(0, nowMs - row.onAirCountedMs) / 1000,
            },
      received: null,
      written: null,
      running: null,
      confirmed: null,
    },
  };
}

function stateIn(text: string): JobState {
  const state = (Object.keys(JOB_STATES) as JobState[]).find((s) => s === text);
  if (state === undefined)
    throw new Refusal('field-invalid', `state has to be one of ${Object.keys(JOB_STATES).join(', ')}.`);
  return state;
}

export function jobRoutes(backend: Backend): FastifyPluginAsyncTypebox {
  const { store, nowMs } = backend;
  return async (app) => {
    app.get(
      '/v1/jobs',
      {
        schema: {
          summary: 'List jobs: one update at one gateway',
          tags: ['jobs'],
          querystring: JobQuery,
          response: { 200: page(Job), '4xx': ErrorBody },
        },
      },
      async (request) => {
        allowed(request, 'read');
        const wanted = pageOf(request.query);
        const { updateId, gateway, state } = request.query;
        let query = selectJobs(store).where('job.id', '<', wanted.before);
        if (updateId !== undefined) query = query.where('job.updateId', '=', updateId);
        if (gateway !== undefined) query = query.where('gateway.name', '=', gateway);
        if (state !== undefined) query = query.where('job.state', '=', stateIn(state));
        const rows = await query
          .orderBy('job.id', 'desc')
          .limit(wanted.limit + 1)
          .execute();
        const now = nowMs();
        return cut(
          rows.map((row) => view(row, now)),
          wanted,
        );
      },
    );

    for (const [verb, paused, summary] of [
      ['pause', true, 'Take it off the air until it is resumed; the gateway keeps the package'],
      ['resume', false, 'Put it back on air'],
    ] as const)
      app.post(
        `/v1/jobs/:id/${verb}`,
        { schema: { summary, tags: ['jobs'], params: IdParams, response: { 200: Job, '4xx': ErrorBody } } },
        async (request) => {
          const { id } = request.params;
          await pauseJob(backend, id, paused, allowed(request, 'schedule'));
          return view(await selectJobs(store).where('job.id', '=', id).executeTakeFirstOrThrow(), nowMs());
        },
      );
  };
}
