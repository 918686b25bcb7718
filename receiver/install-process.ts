/**
 * A process of its own that installs one package and says how it went: unpacking takes minutes of processor, and reception goes on
 * meanwhile. It ends when its parent does; what it leaves is as after a power cut.
 */

import { setPriority } from 'node:os';
import { messageOf } from '#hardware/fault.ts';
import { codeOf } from './fault.ts';
import type { FromInstaller, InstallOrder } from './install-beside.ts';
import { openDevice, readPackage } from './install-commands.ts';
import { installPackage } from './install.ts';

/** Behind reception, which can't wait. */
const NICENESS = 10;

async function install({ config, packagePath }: InstallOrder): Promise<FromInstaller> {
  try {
    const device = openDevice(config);
    try {
      return { kind: 'outcome', outcome: await installPackage(await readPackage(packagePath), device) };
    } finally {
      await device.slots.close();
    }
  } catch (error) {
    return { kind: 'failed', code: codeOf(error), message: messageOf(error) };
  }
}

async function answer(order: InstallOrder): Promise<void> {
  const said = await install(order);
  process.off('disconnect', leave);
  process.send?.(said, () => process.disconnect?.());
}

const leave = (): never => process.exit(1);
process.once('disconnect', leave);
// Ctrl-C goes to the whole group of a terminal; the parent says when to end.
process.on('SIGINT', () => undefined);
setPriority(NICENESS);
process.once('message', (order: InstallOrder) => {
  void answer(order);
});
