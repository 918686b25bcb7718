/**
 * Takes and gives back a lock again and again, and dies with it. Whoever has the lock makes a file that must not be there
 * yet: arguments are the lock, that file, and how often to take the lock before dying.
 */

import { closeSync, openSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForLock } from '#hardware/file/lock.ts';

const [path = '', inside = '', times = '1'] = process.argv.slice(2);
for (let time = 1; time <= Number(times); time++) {
  const lock = await waitForLock(path, 60_000);
  if (lock.kind === 'held') throw new Error('waited in vain');
  // EEXIST: another one is inside.
  closeSync(openSync(inside, 'wx'));
  await sleep(time % 3);
  rmSync(inside);
  if (time === Number(times)) process.kill(process.pid, 'SIGKILL');
  lock.release();
}
