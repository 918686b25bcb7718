/** A backend with one gateway and one device type. */

import { expect } from 'vitest';
import type { JobView } from '../../backend/routes/schemas.ts';
import { newStage, type Stage, type StageOptions } from './stage.ts';

export async function linkStage(options: StageOptions = {}) {
  const stage = await newStage(options);
  const bundle = await stage.newGateway('north');
  const deviceTypeId = await stage.newDeviceType();
  return { stage, bundle, deviceTypeId, port: stage.running.linkPort };
}

export async function onlyJob(stage: Stage): Promise<JobView> {
  const { body } = await stage.request<{ items: JobView[] }>('GET', '/v1/jobs');
  expect(body.items).toHaveLength(1);
  return body.items[0];
}

export async function counts(stage: Stage): Promise<Record<string, number>> {
  return (await stage.request<Record<string, number>>('GET', '/v1/link')).body;
}
