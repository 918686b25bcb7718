import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Selectable } from 'kysely';
import type { Heartbeat } from '#codec/messages/link.ts';
import { allowed } from '../authenticate.ts';
import type { Backend } from '../backend.ts';
import type { GatewayTable } from '../store/tables.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { cut, pageOf } from './paging.ts';
import { ErrorBody, Gateway, type GatewayView, LinkCounts, Paging, page } from './schemas.ts';

/** What the link server knows that the database doesn't. */
export interface LinkView {
  isConnected(gatewayId: string): boolean;
  /** Since the start, by what happened. */
  counts(): Readonly<Record<string, number>>;
}

/** The gateway's clock may be anything; the API still answers. */
function clockTime(ms: number): string {
  return isoTime(Math.min(ms, 8.64e15));
}

function view(row: Selectable<GatewayTable>, connected: boolean, nowMs: number): GatewayView {
  const { id, name, certificateSha256, software } = row;
  const heartbeat = row.heartbeat === null ? null : (JSON.parse(row.heartbeat) as Heartbeat);
  return {
    id,
    name,
    certificateSha256,
    createdTime: isoTime(row.createdMs),
    revokedTime: isoTimeOrNull(row.revokedMs),
    connected,
    software,
    lastHeartbeat:
      heartbeat === null || row.heartbeatMs === null
        ? null
        : {
            receivedTime: isoTime(row.heartbeatMs),
            ageSeconds: Math.max(0, nowMs - row.heartbeatMs) / 1000,
            gatewayTime: clockTime(heartbeat.timeMs),
            transmitting: heartbeat.transmitting,
            onAir: heartbeat.onAir.map(({ jobId, groups, firstGroupMs, lastGroupMs }) => ({
              jobId,
              groups,
              firstGroupTime: clockTime(firstGroupMs),
              lastGroupTime: clockTime(lastGroupMs),
            })),
            streams: heartbeat.streams.map(({ stream, groups, dataGroups }) => ({ stream, groups, dataGroups })),
          },
  };
}

export function gatewayRoutes({ store, nowMs }: Backend, link: LinkView): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/gateways',
      {
        schema: {
          summary: 'List gateways, with what they last counted on air',
          tags: ['gateways'],
          querystring: Paging,
          response: { 200: page(Gateway), '4xx': ErrorBody },
        },
      },
      async (request) => {
        allowed(request, 'read');
        const wanted = pageOf(request.query);
        const rows = await store
          .selectFrom('gateway')
          .selectAll()
          .where('id', '<', wanted.before)
          .orderBy('id', 'desc')
          .limit(wanted.limit + 1)
          .execute();
        const now = nowMs();
        return cut(
          rows.map((row) => view(row, link.isConnected(row.id), now)),
          wanted,
        );
      },
    );

    app.get(
      '/v1/link',
      {
        schema: {
          summary: 'What happened on the link to the gateways since the start, counted',
          tags: ['gateways'],
          response: { 200: LinkCounts, '4xx': ErrorBody },
        },
      },
      (request) => {
        allowed(request, 'read');
        return { ...link.counts() };
      },
    );
  };
}
