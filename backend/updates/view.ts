/** An update as the API shows it. */

import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import type { Selectable } from 'kysely';
import { LIVE_STATES } from '../job-states.ts';
import type { UpdateView } from '../routes/schemas.ts';
import type { Store } from '../store/open.ts';
import type { UpdateTable } from '../store/tables.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { formatWindows, windowsIn } from '../windows.ts';
import { forecast } from './forecast.ts';

type Row = Selectable<UpdateTable> & { vendor: string; deviceTypeName: string };

export function selectUpdates(store: Store) {
  return store
    .selectFrom('update')
    .innerJoin('deviceType', 'deviceType.id', 'update.deviceTypeId')
    .selectAll('update')
    .select(['deviceType.vendor', 'deviceType.name as deviceTypeName']);
}

function stateOf(row: Row, jobStates: readonly string[]): string {
  if (row.state === 'making') return 'making';
  if (row.withdrawnMs !== null) return 'withdrawn';
  if (row.scheduleMs === null) return 'unscheduled';
  if (jobStates.some((state) => LIVE_STATES.some((live) => live === state))) return 'live';
  if (jobStates.length === 0 || jobStates.includes('planned')) return 'planned';
  return 'ended';
}

export async function viewUpdates(store: Store, rows: readonly Row[]): Promise<UpdateView[]> {
  const ids = rows.map(({ id }) => id);
  const jobs =
    ids.length === 0
      ? []
      : await store.selectFrom('job').select(['updateId', 'state']).distinct().where('updateId', 'in', ids).execute();
  return rows.map((row) => {
    const states = jobs.filter(({ updateId }) => updateId === row.id).map(({ state }) => state);
    return viewUpdate(row, stateOf(row, states));
  });
}

function viewUpdate(row: Row, state: string): UpdateView {
  return {
    id: row.id,
    deviceType: { id: row.deviceTypeId, vendor: row.vendor, name: row.deviceTypeName },
    kind: row.kind,
    name: row.name,
    version: row.version,
    sequence: row.sequence,
    state,
    approval: row.approval,
    notes: row.notes,
    author: row.author,
    priority: row.priority,
    scheduleTime: isoTimeOrNull(row.scheduleMs),
    deadline: isoTimeOrNull(row.deadlineMs),
    windows: formatWindows(windowsIn(row.windows)),
    gateways: JSON.parse(row.audience) as 'all' | string[],
    encoding: row.encoding,
    ways: JSON.parse(row.ways) as UpdateView['ways'],
    sizes: {
      installedBytes: row.contentSizeBytes,
      fullBytes: row.fullSizeBytes,
      payloadBytes: row.payloadSizeBytes,
      onAirBytes: row.packageSizeBytes,
    },
    forecast:
      row.packageSizeBytes === null || row.packageSizeBytes > OBJECT_SIZE_MAX_BYTES
        ? null
        : forecast(row.packageSizeBytes),
    contentSha256: row.contentSha256,
    packageSha256: row.packageSha256,
    createdTime: isoTime(row.createdMs),
    withdrawnTime: isoTimeOrNull(row.withdrawnMs),
  };
}
