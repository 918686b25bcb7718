import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeChunk } from '../../backend/receive-file.ts';
import { cleanUp } from '../../backend/updates/create.ts';
import { dataFolder } from '../../backend/data-folder.ts';
import { formOf, newStage, noise, type Stage } from './stage.ts';

const HOUR_MS = 3_600_000;

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

/** Files under the data directory that came from uploads. */
async function filesOf(stage: Stage): Promise<string[]> {
  const folders = ['incoming', 'contents', 'packages'];
  return (await Promise.all(folders.map((folder) => readdir(join(stage.data, folder))))).flat();
}

async function updateCount(stage: Stage): Promise<number> {
  return (await stage.running.store.selectFrom('update').select('id').execute()).length;
}

describe('an upload that is refused says why and leaves nothing', () => {
  const cases: [
    what: string,
    fields: Record<string, string>,
    content: string | undefined,
    status: number,
    code: string,
  ][] = [
    ['no file', { version: '1' }, undefined, 422, 'file-missing'],
    ['an empty file', { version: '1' }, '', 422, 'file-empty'],
    ['no version', {}, 'x', 422, 'field-invalid'],
    ['a version with control characters', { version: '1\u0007' }, 'x', 422, 'field-invalid'],
    ['a version that is too long', { version: 'v'.repeat(65) }, 'x', 422, 'field-invalid'],
    ['a field that is far too long', { version: '1', notes: 'n'.repeat(5000) }, 'x', 422, 'field-invalid'],
    ['an unknown field', { version: '1', shedule: 'now' }, 'x', 422, 'field-unknown'],
    ['a wrong kind', { version: '1', kind: 'firmware' }, 'x', 422, 'field-invalid'],
    ['an app without a name', { version: '1', kind: 'app' }, 'x', 422, 'field-invalid'],
    ['a wrong encoding', { version: '1', encoding: 'zip' }, 'x', 422, 'field-invalid'],
    ['priority 0', { version: '1', priority: '0' }, 'x', 422, 'field-invalid'],
    ['priority 10', { version: '1', priority: '10' }, 'x', 422, 'field-invalid'],
    ['an unknown device type', { version: '1', deviceTypeId: 'nope' }, 'x', 422, 'device-type-unknown'],
    ['an unknown gateway', { version: '1', gateways: 'north' }, 'x', 422, 'gateway-unknown'],
    ['an unknown base', { version: '1', bases: '0.9' }, 'x', 422, 'base-unknown'],
    ['a delta from nothing', { version: '1', encoding: 'delta' }, 'x', 422, 'delta-impossible'],
    ['a time without zone', { version: '1', scheduleTime: '2099-01-01T00:00' }, 'x', 422, 'time-not-understood'],
    ['a time that is no time', { version: '1', scheduleTime: '2099-13-01T00:00Z' }, 'x', 422, 'time-not-understood'],
    ['a schedule in the past', { version: '1', scheduleTime: inHours(-1) }, 'x', 422, 'schedule-in-past'],
    ['a deadline in the past', { version: '1', deadline: inHours(-1) }, 'x', 422, 'deadline-in-past'],
    [
      'a deadline before the schedule',
      { version: '1', scheduleTime: inHours(2), deadline: inHours(1) },
      'x',
      422,
      'deadline-before-schedule',
    ],
    ['a digest that is none', { version: '1', sha256: 'abc' }, 'x', 422, 'field-invalid'],
    ['another digest than it has', { version: '1', sha256: 'ab'.repeat(32) }, 'x', 422, 'sha256-mismatch'],
    ['a file larger than the slot', { version: '1' }, 'x'.repeat(1001), 413, 'file-larger-than-slot'],
  ];

  it('in every way of the table', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType('Pi3', 1000);
    const found: unknown[] = [];
    for (const [what, fields, content] of cases) {
      const { status, body } = await stage.upload({ deviceTypeId, ...fields }, content);
      const isSentence = /^[A-Za-z].* .*\.$/s.test(body.error.message);
      found.push([what, status, body.error.code, isSentence, await filesOf(stage)]);
    }
    expect(found).toEqual(cases.map(([what, , , status, code]) => [what, status, code, true, []]));
    expect(await updateCount(stage)).toBe(0);
  });

  it('when what would go on air is larger than an object can be', async () => {
    const stage = await newStage({ maxPackageBytes: 10_000 });
    const deviceTypeId = await stage.newDeviceType();
    const fields = { deviceTypeId, version: '1' };
    const tooLarge = { status: 422, body: { error: { code: 'package-too-large' } } };
    expect(await stage.upload({ ...fields, scheduleTime: 'now' }, noise(10_000))).toMatchObject(tooLarge);
    expect(await filesOf(stage)).toEqual([]);
    expect(await updateCount(stage)).toBe(0);
    // Unscheduled it is kept: as what devices run already, the next version is a delta from it.
    const base = await stage.newUpdate(fields, noise(10_000));
    expect(await stage.request('POST', `/v1/updates/${base.id}/schedule`, { at: 'now' })).toMatchObject(tooLarge);
    const next = noise(10_000);
    next[5000] = 1;
    expect(await stage.newUpdate({ ...fields, version: '2', scheduleTime: 'now' }, next)).toMatchObject({
      encoding: 'delta',
      state: 'planned',
    });
  });

  it('when the version exists already', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    await stage.newUpdate({ deviceTypeId, version: '1' }, 'same content');
    const before = await filesOf(stage);
    expect(await stage.upload({ deviceTypeId, version: '1' }, 'same content')).toMatchObject({
      status: 409,
      body: { error: { code: 'version-exists' } },
    });
    // The refused upload had the content of the first, which must stay.
    expect(await filesOf(stage)).toEqual(before);
  });

  it('when the fields come after the file', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType('Pi3', 1000);
    const form = new FormData();
    form.set('file', new Blob([noise(1001) as Uint8Array<ArrayBuffer>]), 'a.bin');
    form.set('deviceTypeId', deviceTypeId);
    form.set('version', '1');
    expect(await stage.request('POST', '/v1/updates', form)).toMatchObject({
      status: 413,
      body: { error: { code: 'file-larger-than-slot' } },
    });
    expect(await filesOf(stage)).toEqual([]);
  });

  it('when it is larger than this backend takes, also when the client goes on sending', async () => {
    const stage = await newStage({ maxUploadBytes: 100_000 });
    const deviceTypeId = await stage.newDeviceType();
    expect(await stage.upload({ deviceTypeId, version: '1' }, noise(4_000_000))).toMatchObject({
      status: 413,
      body: { error: { code: 'file-too-large' } },
    });
    expect(await filesOf(stage)).toEqual([]);
    expect((await stage.newUpdate({ deviceTypeId, version: '1' }, noise(100_000))).sequence).toBe(1);
  });

  it('when it has another form than multipart, or two files, or a file that is a text', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    expect(await stage.request('POST', '/v1/updates', { deviceTypeId, version: '1' })).toMatchObject({
      status: 415,
      body: { error: { code: 'not-multipart' } },
    });
    const post = async (type: string, body: string) => {
      const headers = { authorization: `Bearer ${stage.token}`, 'content-type': type };
      const response = await fetch(`${stage.url}/v1/updates`, { method: 'POST', headers, body });
      return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
    };
    expect(await post('application/octet-stream', 'x')).toEqual([415, 'unsupported-media-type']);
    expect(await post('multipart/form-data', 'x')).toEqual([415, 'not-multipart']);
    expect(await post('multipart/form-data; boundary=b', 'not a form')).toEqual([400, 'upload-truncated']);
    const unfinished = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of';
    expect(await post('multipart/form-data; boundary=b', unfinished)).toEqual([400, 'upload-truncated']);
    const form = formOf({ deviceTypeId, version: '1' }, 'one');
    form.append('file', new Blob(['two']), 'b.bin');
    expect(await stage.request('POST', '/v1/updates', form)).toMatchObject({
      status: 422,
      body: { error: { code: 'file-twice' } },
    });
    expect(await stage.upload({ deviceTypeId, version: '1', file: 'text' }, undefined)).toMatchObject({
      status: 422,
      body: { error: { code: 'file-not-a-file' } },
    });
    expect(await filesOf(stage)).toEqual([]);
  });

  it('when the token is wrong, before anything is read', async () => {
    const stage = await newStage();
    const answer = await stage.request('POST', '/v1/updates', formOf({ version: '1' }, noise(200_000)), {
      authorization: 'Bearer carillon_wrong',
    });
    expect(answer.status).toBe(401);
    expect(await filesOf(stage)).toEqual([]);
  });

  it('when there are too many requests', async () => {
    const stage = await newStage({ requestsPerMinute: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await stage.request('GET', '/v1/updates')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await stage.request('GET', '/v1/updates')).toMatchObject({ body: { error: { code: 'too-many-requests' } } });
  });

  it('and everything else that is not there', async () => {
    const stage = await newStage();
    for (const path of ['/v1/nothing', '/v1/updates/nope', '/v1/updates/nope/package'])
      expect(await stage.request('GET', path)).toMatchObject({ status: 404, body: { error: { code: 'not-found' } } });
    expect((await stage.request('POST', '/v1/updates/nope/withdraw', {})).status).toBe(404);
    expect((await stage.request('POST', '/v1/updates/nope/schedule', { at: 'now' })).status).toBe(404);
    expect((await stage.request('POST', '/v1/updates/nope/schedule', { at: 'now', x: 1 })).status).toBe(400);
    expect((await stage.request('GET', '/v1/jobs?state=flying')).status).toBe(422);
  });
});

describe('an upload that breaks leaves nothing', () => {
  it('when the client goes away in the middle', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const head =
      `--b\r\ncontent-disposition: form-data; name="deviceTypeId"\r\n\r\n${deviceTypeId}\r\n` +
      `--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n`;
    const socket = connect(stage.running.apiPort, '127.0.0.1');
    socket.write(
      `POST /v1/updates HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${stage.token}\r\n` +
        `content-type: multipart/form-data; boundary=b\r\ncontent-length: 10000000\r\n\r\n${head}`,
    );
    socket.write(noise(300_000));
    await expect.poll(async () => (await readdir(join(stage.data, 'incoming'))).length).toBe(1);
    socket.destroy();
    await expect.poll(() => filesOf(stage)).toEqual([]);
    expect(await updateCount(stage)).toBe(0);
    expect((await stage.newUpdate({ deviceTypeId, version: '1' })).sequence).toBe(1);
  });

  it('when the disk is full while it is written', async () => {
    let room = 100_000;
    const stage = await newStage({
      write: async (file, chunk) => {
        room -= chunk.length;
        if (room < 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await writeChunk(file, chunk);
      },
    });
    const deviceTypeId = await stage.newDeviceType();
    expect(await stage.upload({ deviceTypeId, version: '1' }, noise(1_000_000))).toMatchObject({
      status: 507,
      body: { error: { code: 'disk-full' } },
    });
    expect(await filesOf(stage)).toEqual([]);
    room = 1_000_000;
    expect((await stage.newUpdate({ deviceTypeId, version: '1' }, noise(1000))).sequence).toBe(1);
  });

  it('when a crash came between two steps: the next start removes it, and nothing else', async () => {
    const stage = await newStage();
    const deviceTypeId = await stage.newDeviceType();
    const kept = await stage.newUpdate({ deviceTypeId, version: '1' }, 'kept');
    const folder = dataFolder(stage.data);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(folder.incoming, 'half'), 'half');
    await writeFile(join(folder.contents, 'ff'.repeat(32)), 'no row');
    await writeFile(join(folder.packages, 'x.carillon.part'), 'half');
    const { store } = stage.running;
    const row = await store.selectFrom('update').selectAll().executeTakeFirstOrThrow();
    await store
      .insertInto('update')
      .values({ ...row, id: `${row.id.slice(0, -1)}x`, version: '2', sequence: 2, state: 'making' })
      .execute();
    expect(await cleanUp({ store, folder })).toBe(4);
    expect((await store.selectFrom('update').select('id').execute()).map(({ id }) => id)).toEqual([kept.id]);
    expect((await filesOf(stage)).toSorted()).toEqual([kept.contentSha256, `${kept.id}.carillon`].toSorted());
  });
});
