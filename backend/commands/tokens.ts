import { writeFile } from 'node:fs/promises';
import { readConfig } from '../config.ts';
import { dataFolder } from '../data-folder.ts';
import { CommandError } from '../refusal.ts';
import { openStore, type Store } from '../store/open.ts';
import type { Role } from '../store/tables.ts';
import { createToken, listTokens, revokeToken } from '../store/tokens.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { type Output, printRows } from './print.ts';

const DAY_MS = 86_400_000;
const NAME = /^[\w][\w.@-]{0,63}$/;

/** Names end up in certificates, file names and logs. */
export function checkName(name: string, what: string): string {
  if (!NAME.test(name))
    throw new CommandError(
      `The name of a ${what} has 1 to 64 letters, digits, "_", "-", "." or "@": not ${JSON.stringify(name)}.`,
      2,
    );
  return name;
}

/** Opens the database of an existing data directory, also while a server runs. */
export async function withStore<T>(data: string, use: (store: Store) => Promise<T>): Promise<T> {
  const folder = dataFolder(data);
  await readConfig(folder);
  const store = await openStore(folder.database);
  try {
    return await use(store);
  } finally {
    await store.destroy();
  }
}

export async function tokenCreate(
  options: { data: string; name: string; role: Role; expiresDays: number | undefined; file: string | undefined },
  output: Output,
): Promise<void> {
  const name = checkName(options.name, 'token');
  const nowMs = Date.now();
  const expiresMs = options.expiresDays === undefined ? null : nowMs + options.expiresDays * DAY_MS;
  const token = await withStore(options.data, (store) =>
    createToken(store, { name, role: options.role, expiresMs, nowMs }),
  );
  const about = { name, role: options.role, expiresTime: isoTimeOrNull(expiresMs) };
  if (options.file !== undefined) {
    await writeFile(options.file, `${token}\n`, { mode: 0o600, flag: 'wx', flush: true });
    if (output.json) output.data(`${JSON.stringify({ ...about, file: options.file })}\n`);
    output.people(`The token is in ${options.file} and nowhere else. Name that file in CARILLON_TOKEN_FILE.`);
    return;
  }
  output.data(output.json ? `${JSON.stringify({ ...about, token })}\n` : `${token}\n`);
  output.people(
    'This is the only time the token is shown. Put it into a file of mode 0600 and name that in CARILLON_TOKEN_FILE.',
  );
}

export async function tokenList(options: { data: string }, output: Output): Promise<void> {
  const tokens = await withStore(options.data, listTokens);
  const rows = tokens.map(({ name, role, createdMs, expiresMs, revokedMs }) => ({
    name,
    role,
    createdTime: isoTime(createdMs),
    expiresTime: isoTimeOrNull(expiresMs),
    revokedTime: isoTimeOrNull(revokedMs),
  }));
  printRows(output, rows, ['name', 'role', 'createdTime', 'expiresTime', 'revokedTime']);
}

export async function tokenRevoke(options: { data: string; name: string }, output: Output): Promise<void> {
  await withStore(options.data, (store) => revokeToken(store, options.name, Date.now()));
  output.people(`The token ${options.name} is revoked. Requests with it are refused from now on.`);
}
