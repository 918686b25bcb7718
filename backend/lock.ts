import { DatabaseSync } from 'node:sqlite';
import { CommandError } from './refusal.ts';

export interface Lock {
  release(): void;
}

/**
 * One server a data directory. The lock is SQLite's lock on an empty database: the system lets go of it when the process
 * ends, however it ends, so a crash leaves nothing to clean up.
 */
export function takeLock(path: string): Lock {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    database.close();
    throw new CommandError(`Another backend serves this data directory (${path} is locked).`, 3, error);
  }
  return { release: () => database.close() };
}
