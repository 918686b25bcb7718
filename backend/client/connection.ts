/** Which backend, and with which token. The token comes from the environment or a file, never from the command line. */

import { readFile, stat } from 'node:fs/promises';
import { CommandError } from '../refusal.ts';

export interface Connection {
  readonly url: string;
  readonly token: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';
const OTHERS = 0o077;

export async function connectionFrom(environment: Readonly<Record<string, string | undefined>>): Promise<Connection> {
  const { CARILLON_URL: url = DEFAULT_URL, CARILLON_TOKEN: token, CARILLON_TOKEN_FILE: file } = environment;
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandError(`CARILLON_URL has to be a URL like ${DEFAULT_URL}, not ${JSON.stringify(url)}.`, 2);
  if (token !== undefined && file !== undefined)
    throw new CommandError('Set CARILLON_TOKEN or CARILLON_TOKEN_FILE, not both.', 2);
  if (token === undefined && file === undefined)
    throw new CommandError(
      'There is no API token. Set CARILLON_TOKEN_FILE to a file with the token that "backend token create" printed.',
      2,
    );
  return { url: url.replace(/\/+$/, ''), token: (token ?? (await tokenIn(file ?? ''))).trim() };
}

async function tokenIn(path: string): Promise<string> {
  try {
    if (((await stat(path)).mode & OTHERS) !== 0)
      throw new CommandError(`${path} can be read by others and was not used. Make it mode 0600.`, 3);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`The token file ${path} cannot be read.`, 1, error);
  }
}
