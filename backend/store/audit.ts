import { newId } from './identify.ts';
import type { Store } from './open.ts';

/** Who is doing it: `token:NAME`, `gateway:NAME`, `schedule` or `console`. Users will become one more kind. */
export type Actor = `token:${string}` | `gateway:${string}` | 'schedule' | 'console';

/** Call with the transaction that makes the change, so that neither is without the other. */
export async function record(
  store: Store,
  entry: { actor: Actor; action: string; subject: string; detail?: string; atMs: number },
): Promise<void> {
  await store
    .insertInto('audit')
    .values({
      id: newId(),
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      detail: entry.detail ?? '',
      atMs: entry.atMs,
    })
    .execute();
}
