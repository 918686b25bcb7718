/** Reads the form of an upload: texts into memory, the file onto the disk. Whatever is wrong, no file stays. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import type { Backend } from '../backend.ts';
import { isDiskFull, type ReceivedFile, receiveFile } from '../receive-file.ts';
import { Refusal } from '../refusal.ts';
import { newId } from '../store/identify.ts';
import { diskFull, findDeviceType, largerThanSlot } from './create.ts';

/** Room for the fields and the boundaries. */
const MAX_FIELD_BYTES = 4096;
const MAX_FIELDS = 32;
const DRAIN_MS = 10_000;

export interface ReceivedForm {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: ReceivedFile;
}

export async function receiveForm(request: FastifyRequest, backend: Backend): Promise<ReceivedForm> {
  if (!request.isMultipart() || !/;\s*boundary=/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(
      'not-multipart',
      'An upload is a multipart/form-data request with a part "file" and text fields.',
    );
  const fields = new Map<string, string>();
  let file: ReceivedFile | undefined;
  try {
    const limits = { fileSize: Number.POSITIVE_INFINITY, fieldSize: MAX_FIELD_BYTES, fields: MAX_FIELDS, files: 2 };
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        addField(fields, part);
        continue;
      }
      if (part.fieldname !== 'file')
        throw new Refusal(
          'field-unknown',
          `The file has to be in the part "file", not ${JSON.stringify(part.fieldname)}.`,
        );
      if (file !== undefined) throw new Refusal('file-twice', 'There are two files. An update has one.');
      file = await receiveFile(part.file, {
        path: join(backend.folder.incoming, newId()),
        limit: await limitFor(fields, backend),
        write: backend.write,
      });
    }
    if (file === undefined)
      throw new Refusal('file-missing', 'There is no part "file" with the content of the update. Nothing was stored.');
    return { fields, file };
  } catch (error) {
    if (file !== undefined) await rm(file.path, { force: true });
    drain(request);
    throw asRefusal(error);
  }
}

/** Many clients read the answer only when they have sent everything: the rest is taken and thrown away, for a while. */
function drain({ raw }: FastifyRequest): void {
  if (raw.complete || raw.destroyed) return;
  raw.unpipe();
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), DRAIN_MS);
  timer.unref();
  raw.once('close', () => clearTimeout(timer));
}

function addField(
  fields: Map<string, string>,
  part: { fieldname: string; value: unknown; valueTruncated: boolean; fieldnameTruncated: boolean },
): void {
  if (part.fieldname === 'file')
    throw new Refusal('file-not-a-file', 'The part "file" is a text field. Send it as a file, with a file name.');
  if (part.valueTruncated || part.fieldnameTruncated)
    throw new Refusal('field-invalid', `${part.fieldname} is longer than ${MAX_FIELD_BYTES} bytes.`);
  if (fields.has(part.fieldname)) throw new Refusal('field-invalid', `${part.fieldname} is given twice.`);
  fields.set(part.fieldname, typeof part.value === 'string' ? part.value : String(part.value));
}

/** When the fields came first, an image that can't fit is refused before all of it is sent. */
async function limitFor(
  fields: ReadonlyMap<string, string>,
  { store, maxUploadBytes }: Backend,
): Promise<{ sizeBytes: number; exceeded: () => Refusal }> {
  const id = fields.get('deviceTypeId');
  if (id !== undefined) {
    const deviceType = await findDeviceType(store, id);
    const { slotSizeBytes } = deviceType;
    if (slotSizeBytes !== null && slotSizeBytes < maxUploadBytes && (fields.get('kind') ?? 'image') === 'image')
      return { sizeBytes: slotSizeBytes, exceeded: () => largerThanSlot(deviceType, slotSizeBytes + 1) };
  }
  return {
    sizeBytes: maxUploadBytes,
    exceeded: () =>
      new Refusal(
        'file-too-large',
        `The file is larger than ${maxUploadBytes} bytes, the limit of this backend. Nothing was stored.`,
      ),
  };
}

function asRefusal(error: unknown): unknown {
  if (error instanceof Refusal) return error;
  if (isDiskFull(error)) return diskFull(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'FST_FILES_LIMIT')
    return new Refusal('file-twice', 'There are several files. An update has one.', error);
  if (code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT')
    return new Refusal('bad-request', `An upload has at most ${MAX_FIELDS} fields.`, error);
  // Whatever else busboy says: the form ended in the middle, or was none.
  return new Refusal(
    'upload-truncated',
    'The upload ended before it was complete. Nothing was stored; upload it again.',
    error,
  );
}
