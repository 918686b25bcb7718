/** The commands of `carillon` that talk to the backend. */

import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { type Output, printRows, type Row } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import type { DeviceTypeView, GatewayView, JobView, UpdateView } from '../routes/schemas.ts';
import type { Api } from './api.ts';

export async function deviceTypeAdd(
  api: Api,
  body: { vendor: string; name: string; slotSizeBytes?: number; hardwareRevisions?: number[] },
  output: Output,
): Promise<void> {
  const made = await api.post<DeviceTypeView>('/v1/device-types', body);
  print(output, made, `${made.vendor}/${made.name} is registered (${made.id}).`);
}

export async function deviceTypeList(api: Api, output: Output): Promise<void> {
  const types = await api.list<DeviceTypeView>('/v1/device-types');
  printRows(output, types, ['id', 'vendor', 'name', 'slotSizeBytes', 'lastSequence']);
}

export interface UpdateAddOptions {
  readonly file: string;
  /** `VENDOR/NAME` or an id. */
  readonly deviceType: string;
  /** The form's fields, except those that are computed here. */
  readonly fields: Readonly<Record<string, string | undefined>>;
}

export async function updateAdd(api: Api, options: UpdateAddOptions, output: Output): Promise<void> {
  const deviceTypeId = await resolveDeviceType(api, options.deviceType);
  const form = new FormData();
  form.set('deviceTypeId', deviceTypeId);
  for (const [name, value] of Object.entries(options.fields)) if (value !== undefined) form.set(name, value);
  form.set('sha256', await sha256Of(options.file));
  // Last, so that the backend can refuse before all of it is sent; from the disk, so that it need not fit in memory.
  form.set('file', await openAsBlob(options.file), basename(options.file));
  const made = await api.postForm<UpdateView>('/v1/updates', form);
  const { onAirBytes, installedBytes } = made.sizes;
  const next =
    made.scheduleTime === null
      ? `It is not broadcast yet: carillon update schedule ${made.id} --at now`
      : `It is planned from ${made.scheduleTime} on: carillon job list --update ${made.id}`;
  print(
    output,
    made,
    `Version ${made.version} is sequence ${made.sequence}: ${installedBytes} bytes installed, ${onAirBytes} on air (${made.encoding}).\n${waysOf(made)}${next}`,
  );
}

function waysOf({ ways }: UpdateView): string {
  const lines = ways.map(({ base, through, onAirBytes, reason }) => {
    const from = base === null ? 'full content' : `from ${base}${through === null ? '' : ` through ${through}`}`;
    return `  ${from}: ${onAirBytes} bytes (${reason})\n`;
  });
  return lines.join('');
}

async function resolveDeviceType(api: Api, text: string): Promise<string> {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return text;
  const types = await api.list<DeviceTypeView>('/v1/device-types');
  const found = types.find(({ vendor, name }) => vendor === text.slice(0, slash) && name === text.slice(slash + 1));
  if (found === undefined)
    throw new CommandError(
      `There is no device type ${text}. Register it with: carillon device-type add ${text.slice(0, slash)} ${text.slice(slash + 1)}`,
      3,
    );
  return found.id;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

export async function updateList(api: Api, most: number, output: Output): Promise<void> {
  const updates = await api.list<UpdateView>('/v1/updates', most);
  const rows = output.json ? updates : updates.map(shortUpdate);
  printRows(output, rows, ['id', 'deviceType', 'version', 'sequence', 'state', 'encoding', 'onAirBytes', 'schedule']);
}

function shortUpdate(update: UpdateView): Row {
  const { id, deviceType, version, sequence, state, encoding, sizes, scheduleTime } = update;
  const type = `${deviceType.vendor}/${deviceType.name}`;
  return {
    id,
    deviceType: type,
    version,
    sequence,
    state,
    encoding,
    onAirBytes: sizes.onAirBytes,
    schedule: scheduleTime,
  };
}

export async function updateShow(api: Api, id: string, output: Output): Promise<void> {
  const update = await api.get<UpdateView>(`/v1/updates/${encodeURIComponent(id)}`);
  if (output.json) return print(output, update, '');
  for (const [name, value] of Object.entries(update))
    output.data(`${name.padEnd(16)}${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  return undefined;
}

export async function updateSchedule(
  api: Api,
  id: string,
  body: { at: string; deadline?: string; priority?: number; windows?: string[]; gateways?: 'all' | string[] },
  output: Output,
): Promise<void> {
  const update = await api.post<UpdateView>(`/v1/updates/${encodeURIComponent(id)}/schedule`, body);
  print(output, update, `Version ${update.version} is ${update.state}, from ${update.scheduleTime} on.`);
}

export async function updateWithdraw(api: Api, id: string, reason: string | undefined, output: Output): Promise<void> {
  const update = await api.post<UpdateView>(
    `/v1/updates/${encodeURIComponent(id)}/withdraw`,
    reason === undefined ? {} : { reason },
  );
  print(
    output,
    update,
    `Version ${update.version} is withdrawn. Gateways stop as soon as they are told; what devices have installed stays.`,
  );
}

export async function jobList(
  api: Api,
  filters: Readonly<Record<string, string | undefined>>,
  most: number,
  output: Output,
) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value);
  const jobs = await api.list<JobView>(`/v1/jobs?${query.toString()}`, most);
  const rows = output.json ? jobs : jobs.map(shortJob);
  printRows(output, rows, ['id', 'gateway', 'deviceType', 'version', 'state', 'groupsOnAir', 'countedAgo', 'reason']);
}

export async function jobPause(api: Api, id: string, paused: boolean, output: Output): Promise<void> {
  const job = await api.post<JobView>(`/v1/jobs/${encodeURIComponent(id)}/${paused ? 'pause' : 'resume'}`, {});
  const next = paused
    ? `is paused (${job.state}); the gateway keeps the package. Go on with: carillon job resume ${job.id}`
    : `is no longer paused (${job.state}).`;
  print(output, job, `Version ${job.version} at ${job.gateway} ${next}`);
}

function shortJob({ id, gateway, deviceType, version, state, paused, reason, facts }: JobView): Row {
  const groupsOnAir = facts.onAir?.groups ?? null;
  const countedAgo = facts.onAir === null ? null : `${Math.round(facts.onAir.countAgeSeconds)} s`;
  const type = `${deviceType.vendor}/${deviceType.name}`;
  const shown = paused ? `${state}, paused` : state;
  return { id, gateway, deviceType: type, version, state: shown, groupsOnAir, countedAgo, reason };
}

export async function gatewayList(api: Api, output: Output): Promise<void> {
  const gateways = await api.list<GatewayView>('/v1/gateways');
  const rows = output.json ? gateways : gateways.map(shortGateway);
  printRows(output, rows, ['name', 'connected', 'transmitting', 'jobsOnAir', 'heardAgo', 'software', 'revokedTime']);
}

function shortGateway({ name, connected, software, revokedTime, lastHeartbeat }: GatewayView): Row {
  return {
    name,
    connected,
    transmitting: lastHeartbeat?.transmitting ?? null,
    jobsOnAir: lastHeartbeat?.onAir.length ?? null,
    heardAgo: lastHeartbeat === null ? null : `${Math.round(lastHeartbeat.ageSeconds)} s`,
    software,
    revokedTime,
  };
}

function print(output: Output, data: unknown, sentence: string): void {
  if (output.json) output.data(`${JSON.stringify(data)}\n`);
  else output.data(`${sentence}\n`);
}
