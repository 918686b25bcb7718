/**
 * Kysely on `node:sqlite`. Kysely's own SQLite dialect wants something shaped like better-sqlite3; this gives it that.
 * One connection per process, on which Kysely queues; other processes (the commands) wait up to `BUSY_TIMEOUT_MS`.
 */

import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { SqliteAdapter, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';

const BUSY_TIMEOUT_MS = 10_000;

/** SQLite's extended result codes: https://sqlite.org/rescode.html */
const SQLITE_CONSTRAINT_UNIQUE = 2067;
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_FULL = 13;

export function nodeSqliteDialect(path: string): SqliteDialect {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  database.exec('pragma journal_mode = wal');
  // Acknowledged means on the disk, also after a power cut: WAL with `normal` may lose the last commits.
  database.exec('pragma synchronous = full');
  return new NodeSqliteDialect({ database: shapedLikeBetterSqlite(database) });
}

/** SQLite changes tables in transactions; Kysely assumes that no one wants that. A crash leaves the old tables or the new. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

function shapedLikeBetterSqlite(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql): SqliteStatement {
      // A transaction that reads first and writes later can't be upgraded while another process writes; take the lock first.
      const statement = database.prepare(sql === 'begin' ? 'begin immediate' : sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters.map(toInput)),
        run: (parameters) => statement.run(...parameters.map(toInput)),
        iterate: (parameters) => statement.iterate(...parameters.map(toInput)),
      };
    },
  };
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`SQLite has no place for a ${typeof value}.`);
}

function errorNumber(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** PostgreSQL says the same with SQLSTATE 23505. */
export function isUniqueViolation(error: unknown): boolean {
  const code = errorNumber(error);
  return code === SQLITE_CONSTRAINT_UNIQUE || code === SQLITE_CONSTRAINT_PRIMARYKEY;
}

export function isDatabaseFull(error: unknown): boolean {
  return errorNumber(error) === SQLITE_FULL;
}
