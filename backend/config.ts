/** `backend.json`, written by `init`. Options of a command come before it. */

import { readFile } from 'node:fs/promises';
import type { DataFolder } from './data-folder.ts';
import { CommandError } from './refusal.ts';

export interface Config {
  /** Names and addresses in the server certificate; gateways are told the first. */
  readonly hosts: readonly string[];
  readonly linkPort: number;
  readonly apiPort: number;
  readonly maxUploadBytes: number;
  readonly requestsPerMinute: number;
}

export const DEFAULTS: Config = {
  hosts: ['localhost', '127.0.0.1'],
  linkPort: 7700,
  apiPort: 8080,
  maxUploadBytes: 1024 ** 3,
  requestsPerMinute: 600,
};

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export async function readConfig(folder: DataFolder): Promise<Config> {
  let text: string;
  try {
    text = await readFile(folder.config, 'utf8');
  } catch (error) {
    throw new CommandError(
      `${folder.root} is not a data directory of a backend. Make one with "backend init --data ${folder.root}".`,
      1,
      error,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${folder.config} is not JSON.`, 1, error);
  }
  const config: Record<string, unknown> = { ...DEFAULTS, ...(typeof value === 'object' ? value : {}) };
  const { hosts } = config;
  if (!Array.isArray(hosts) || hosts.length === 0 || !hosts.every((host) => typeof host === 'string'))
    throw new CommandError(`hosts in ${folder.config} has to be a list of names.`);
  const count = (name: 'linkPort' | 'apiPort' | 'maxUploadBytes' | 'requestsPerMinute'): number => {
    const number = config[name];
    if (!isCount(number)) throw new CommandError(`${name} in ${folder.config} has to be a whole number.`);
    return number;
  };
  return {
    hosts,
    linkPort: count('linkPort'),
    apiPort: count('apiPort'),
    maxUploadBytes: count('maxUploadBytes'),
    requestsPerMinute: count('requestsPerMinute'),
  };
}
