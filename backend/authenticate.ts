/**
 * Who may do what: the one place. Today a bearer token has a name and a role; users, sessions and approvals would become
 * further ways to an `Identity`, and nothing behind this file would notice.
 */

import type { FastifyRequest } from 'fastify';
import { Refusal } from './refusal.ts';
import type { Actor } from './store/audit.ts';
import type { Store } from './store/open.ts';
import type { Role } from './store/tables.ts';
import { verifyToken } from './store/tokens.ts';

export interface Identity {
  readonly actor: Actor;
  readonly name: string;
  readonly role: Role;
}

export type Action = 'read' | 'register-device-type' | 'upload' | 'schedule' | 'withdraw';

/** A developer makes updates; an operator decides when they run. Neither needs the other's rights to stop one. */
const MAY: Record<Role, readonly Action[]> = {
  developer: ['read', 'register-device-type', 'upload', 'schedule', 'withdraw'],
  operator: ['read', 'schedule', 'withdraw'],
};

const identities = new WeakMap<FastifyRequest, Identity>();

/** Runs before the body is read: a stranger's upload never reaches the disk. */
export async function authenticate(request: FastifyRequest, store: Store, nowMs: number): Promise<void> {
  const header = request.headers.authorization;
  if (header === undefined)
    throw new Refusal('token-missing', 'This needs an API token, sent as "Authorization: Bearer TOKEN".');
  const match = /^Bearer +([\w.~+/-]{1,200}=*)$/i.exec(header);
  if (match?.[1] === undefined)
    throw new Refusal('token-missing', 'The Authorization header has to be "Bearer" and an API token.');
  const { name, role } = await verifyToken(store, match[1], nowMs);
  identities.set(request, { actor: `token:${name}`, name, role });
}

/** The caller, if its role allows the action. */
export function allowed(request: FastifyRequest, action: Action): Identity {
  const identity = identities.get(request);
  if (identity === undefined) throw new Refusal('token-missing', 'This needs an API token.');
  if (!MAY[identity.role].includes(action))
    throw new Refusal(
      'role-not-allowed',
      `The token "${identity.name}" has the role ${identity.role}, which may not do this (${action}).`,
    );
  return identity;
}
