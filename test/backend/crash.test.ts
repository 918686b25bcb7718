import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UpdateView } from '../../backend/routes/schemas.ts';
import { openStore, type Store } from '../../backend/store/open.ts';
import { createToken } from '../../backend/store/tokens.ts';
import { serveProgram } from './program.ts';
import { formOf, newData, newGateway, noise } from './stage.ts';
import { dial } from './wire.ts';

async function withStore<T>(data: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(join(data, 'carillon.db'));
  try {
    return await use(store);
  } finally {
    await store.destroy();
  }
}

async function prepared() {
  const data = await newData();
  const bundle = await newGateway(data, 'north');
  const token = await withStore(data, (store) =>
    createToken(store, { name: 't', role: 'developer', expiresMs: null, nowMs: Date.now() }),
  );
  const authorization = `Bearer ${token}`;
  const register = async (api: string): Promise<string> => {
    const response = await fetch(`${api}/v1/device-types`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ vendor: 'example.org', name: 'Pi3' }),
    });
    return ((await response.json()) as { id: string }).id;
  };
  const upload = async (api: string, fields: Record<string, string>, content: Uint8Array): Promise<UpdateView> => {
    const response = await fetch(`${api}/v1/updates`, {
      method: 'POST',
      headers: { authorization },
      body: formOf(fields, content),
    });
    expect(response.status).toBe(201);
    return (await response.json()) as UpdateView;
  };
  return { data, bundle, authorization, register, upload };
}

describe('kill -9 of backend serve', () => {
  it('in the middle of an upload loses that upload and nothing that was acknowledged', async () => {
    const { data, bundle, authorization, register, upload } = await prepared();
    const first = await serveProgram(data);
    const deviceTypeId = await register(first.ready.api);
    const fields = { deviceTypeId, version: '1', scheduleTime: 'now' };
    const acknowledged = await upload(first.ready.api, fields, noise(20_000));

    const socket = connect(first.ready.apiPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/updates HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-length: 9000000\r\n` +
        `content-type: multipart/form-data; boundary=b\r\n\r\n` +
        `--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n`,
    );
    socket.write(noise(500_000));
    await expect.poll(async () => (await readdir(join(data, 'incoming'))).length).toBe(1);
    await first.kill();

    const second = await serveProgram(data);
    expect(await readdir(join(data, 'incoming'))).toEqual([]);
    const headers = { authorization };
    const list = (await (await fetch(`${second.ready.api}/v1/updates`, { headers })).json()) as { items: UpdateView[] };
    expect(list.items).toMatchObject([
      { id: acknowledged.id, packageSha256: acknowledged.packageSha256, state: 'live' },
    ]);
    const end = dial(second.ready.linkPort, bundle);
    end.hello();
    expect(await end.next('job')).toMatchObject({ version: '1' });
    expect(await end.next('current')).toMatchObject({ jobIds: [expect.any(String)] });
    // The number after a crash is a new one.
    expect((await upload(second.ready.api, { deviceTypeId, version: '2' }, noise(100))).sequence).toBe(2);
    await second.kill();
    await withStore(data, async (store) => {
      const due = await store.selectFrom('jobEvent').select('id').where('toState', '=', 'due').execute();
      expect(due).toHaveLength(1);
    });
  });

  it('in the middle of a transfer: the gateway goes on from where it was', async () => {
    const { data, bundle, register, upload } = await prepared();
    const first = await serveProgram(data);
    const deviceTypeId = await register(first.ready.api);
    const content = noise(1_000_000);
    await upload(first.ready.api, { deviceTypeId, version: '1', scheduleTime: 'now', encoding: 'full' }, content);
    const before = dial(first.ready.linkPort, bundle);
    before.hello();
    const { jobId, sizeBytes } = await before.next('job');
    before.send({ kind: 'want', jobId, offsetBytes: 0 });
    const whole = new Uint8Array(sizeBytes);
    let at = 0;
    for (let pieces = 0; pieces < 3; pieces++) {
      const piece = await before.next('piece');
      whole.set(piece.bytes, at);
      at += piece.bytes.length;
    }
    await first.kill();
    await before.end();

    const second = await serveProgram(data);
    const after = dial(second.ready.linkPort, bundle);
    after.hello();
    expect(await after.next('job')).toMatchObject({ jobId, sizeBytes });
    after.send({ kind: 'want', jobId, offsetBytes: at });
    while (at < sizeBytes) {
      const piece = await after.next('piece');
      expect(piece.offsetBytes).toBe(at);
      whole.set(piece.bytes, at);
      at += piece.bytes.length;
    }
    expect(Buffer.compare(whole.subarray(sizeBytes - content.length), content)).toBe(0);
    after.send({ kind: 'receipt', jobId, state: 'stored', detail: '' });
    await expect
      .poll(() => withStore(data, (store) => store.selectFrom('jobEvent').select(['toState']).orderBy('id').execute()))
      .toEqual([{ toState: 'due' }, { toState: 'stored' }]);
  });
});
