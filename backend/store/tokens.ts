import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Selectable } from 'kysely';
import { CommandError, Refusal } from '../refusal.ts';
import { record } from './audit.ts';
import { newId } from './identify.ts';
import { isUniqueViolation } from './node-sqlite.ts';
import type { Store } from './open.ts';
import type { Role, TokenTable } from './tables.ts';

export type TokenRow = Selectable<TokenTable>;

/** The prefix lets scanners for leaked secrets recognise one. */
const PREFIX = 'carillon_';
const SECRET_BYTES = 32;

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Makes a token and returns it; only its SHA-256 is kept. 256 random bits need no slow hash. */
export async function createToken(
  store: Store,
  { name, role, expiresMs, nowMs }: { name: string; role: Role; expiresMs: number | null; nowMs: number },
): Promise<string> {
  const token = PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  try {
    await store.transaction().execute(async (tx) => {
      await tx
        .insertInto('token')
        .values({
          id: newId(),
          name,
          tokenSha256: sha256Hex(token),
          role,
          createdMs: nowMs,
          expiresMs,
          revokedMs: null,
        })
        .execute();
      await record(tx, { actor: 'console', action: 'token.create', subject: name, detail: role, atMs: nowMs });
    });
  } catch (error) {
    if (isUniqueViolation(error))
      throw new CommandError(
        `There is a token named "${name}" already. Nothing was changed; choose another name.`,
        1,
        error,
      );
    throw error;
  }
  return token;
}

export function listTokens(store: Store): Promise<TokenRow[]> {
  return store.selectFrom('token').selectAll().orderBy('id').execute();
}

export async function revokeToken(store: Store, name: string, nowMs: number): Promise<void> {
  await store.transaction().execute(async (tx) => {
    const token = await tx.selectFrom('token').select('revokedMs').where('name', '=', name).executeTakeFirst();
    if (token === undefined) throw new CommandError(`There is no token named "${name}". Nothing was changed.`);
    if (token.revokedMs !== null) return;
    await tx.updateTable('token').set({ revokedMs: nowMs }).where('name', '=', name).execute();
    await record(tx, { actor: 'console', action: 'token.revoke', subject: name, atMs: nowMs });
  });
}

/** The token's row, or a refusal that says which of the three ways it failed. */
export async function verifyToken(store: Store, token: string, nowMs: number): Promise<TokenRow> {
  const presented = sha256Hex(token);
  const row = await store.selectFrom('token').selectAll().where('tokenSha256', '=', presented).executeTakeFirst();
  // The index compared digests, which tell nothing about a token; this comparison settles it in constant time.
  if (row === undefined || !timingSafeEqual(Buffer.from(presented, 'hex'), Buffer.from(row.tokenSha256, 'hex')))
    throw new Refusal('token-unknown', 'This API token is not known here. Make one with "backend token create NAME".');
  if (row.revokedMs !== null)
    throw new Refusal('token-revoked', `The API token "${row.name}" was revoked. Ask for a new one.`);
  if (row.expiresMs !== null && row.expiresMs <= nowMs)
    throw new Refusal('token-expired', `The API token "${row.name}" has expired. Ask for a new one.`);
  return row;
}
