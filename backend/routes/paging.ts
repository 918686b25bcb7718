/** Lists come newest first; a page ends with the id that the next one starts below. */

import { Refusal } from '../refusal.ts';

const DEFAULT_LIMIT = 50;

export interface Page {
  readonly limit: number;
  /** Ids are compared as text; before the first page everything is below. */
  readonly before: string;
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ABOVE_ALL = 'g';

export function pageOf({ limit = DEFAULT_LIMIT, cursor }: { limit?: number; cursor?: string }): Page {
  if (cursor !== undefined && !ID.test(cursor))
    throw new Refusal('cursor-invalid', 'cursor has to be the nextCursor of an earlier answer.');
  return { limit, before: cursor ?? ABOVE_ALL };
}

/** Give it one row more than `limit`: the extra one tells that there is a next page. */
export function cut<T extends { id: string }>(
  rows: readonly T[],
  { limit }: Page,
): { items: T[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}
