import { Kysely, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations.ts';
import { nodeSqliteDialect } from './node-sqlite.ts';
import type { Tables } from './tables.ts';

export type Store = Kysely<Tables>;
export type Change = Transaction<Tables>;

/** Opens the database of a data directory and brings its tables up to date. */
export async function openStore(path: string): Promise<Store> {
  const store = new Kysely<Tables>({ dialect: nodeSqliteDialect(path) });
  const { error } = await new Migrator({ db: store, provider: migrations }).migrateToLatest();
  if (error !== undefined) {
    await store.destroy();
    throw new Error(`The tables in ${path} could not be brought up to date. Nothing else was changed.`, {
      cause: error,
    });
  }
  return store;
}
