/** A real backend in a new data directory: real SQLite, real sockets on free ports, real certificates. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { gatewayAdd } from '../../backend/commands/gateways.ts';
import { init } from '../../backend/commands/init.ts';
import type { Output } from '../../backend/commands/print.ts';
import type { UpdateView } from '../../backend/routes/schemas.ts';
import { type Running, type StartOptions, start } from '../../backend/start.ts';
import type { Role } from '../../backend/store/tables.ts';
import { createToken } from '../../backend/store/tokens.ts';

const silent: Output = { json: true, data: () => undefined, people: () => undefined };

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'carillon-backend-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function newData(): Promise<string> {
  const data = join(await temporaryFolder(), 'data');
  await init({ data, hosts: ['localhost', '127.0.0.1'], linkPort: 0, apiPort: 0 }, silent);
  return data;
}

export interface Answer<T = unknown> {
  readonly status: number;
  readonly body: T;
}

export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

export interface Bundle {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export class Stage {
  readonly data: string;
  readonly running: Running;
  readonly url: string;
  readonly token: string;

  constructor(data: string, running: Running, token: string) {
    this.data = data;
    this.running = running;
    this.url = `http://127.0.0.1:${running.apiPort}`;
    this.token = token;
  }

  async request<T = ErrorAnswer>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const form = body instanceof FormData;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && !form && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: form ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  async newToken(name: string, role: Role = 'developer', expiresMs: number | null = null): Promise<string> {
    return createToken(this.running.store, { name, role, expiresMs, nowMs: Date.now() });
  }

  async newDeviceType(name = 'Pi3', slotSizeBytes?: number): Promise<string> {
    const { body } = await this.request<{ id: string }>('POST', '/v1/device-types', {
      vendor: 'example.org',
      name,
      ...(slotSizeBytes !== undefined && { slotSizeBytes }),
    });
    return body.id;
  }

  upload<T = ErrorAnswer>(
    fields: Record<string, string>,
    content: Uint8Array | string | undefined,
  ): Promise<Answer<T>> {
    return this.request<T>('POST', '/v1/updates', formOf(fields, content));
  }

  async newUpdate(fields: Record<string, string>, content: Uint8Array | string = 'content'): Promise<UpdateView> {
    const { status, body } = await this.upload<UpdateView>(fields, content);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return body;
  }

  newGateway(name: string): Promise<Bundle> {
    return newGateway(this.data, name);
  }
}

export async function newGateway(data: string, name: string): Promise<Bundle> {
  const output = join(data, '..', `bundle-${name}`);
  await gatewayAdd({ data, name, output, link: undefined }, silent);
  const read = (file: string): Promise<string> => readFile(join(output, file), 'utf8');
  return { key: await read('gateway.key'), cert: await read('gateway.crt'), ca: await read('ca.crt') };
}

export function formOf(fields: Record<string, string>, content: Uint8Array | string | undefined): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  if (content !== undefined) form.set('file', new Blob([content as Uint8Array<ArrayBuffer>]), 'image.bin');
  return form;
}

export type StageOptions = Partial<Omit<StartOptions, 'data' | 'host'>>;

export async function startOn(data: string, options: StageOptions = {}): Promise<Running> {
  const running = await start({
    data,
    host: '127.0.0.1',
    apiPort: 0,
    linkPort: 0,
    requestsPerMinute: 100_000,
    log: pino({ level: 'silent' }),
    ...options,
  });
  onTestFinished(() => running.close());
  return running;
}

export async function newStage(options: StageOptions = {}): Promise<Stage> {
  const data = await newData();
  const running = await startOn(data, options);
  const token = await createToken(running.store, {
    name: 'test',
    role: 'developer',
    expiresMs: null,
    nowMs: Date.now(),
  });
  return new Stage(data, running, token);
}

/** Bytes that don't compress, the same at every run. */
export function noise(lengthBytes: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < lengthBytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}
