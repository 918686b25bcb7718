/** Installs in a process of its own, while this one goes on receiving. */

import { fork } from 'node:child_process';
import type { ReceiverConfig } from './config.ts';
import { ReceiverError } from './fault.ts';
import type { InstallOutcome } from './install.ts';

export interface InstallOrder {
  readonly config: ReceiverConfig;
  readonly packagePath: string;
}

export type FromInstaller =
  | { readonly kind: 'outcome'; readonly outcome: InstallOutcome }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** Rejects where the device failed, the process died, or `signal` stopped it. */
export function installBeside(order: InstallOrder, signal: AbortSignal): Promise<InstallOutcome> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('install-process.ts', import.meta.url), {
      serialization: 'advanced',
      // What is made anew all the time is not kept: 15 to 20 MB less, a tenth slower.
      execArgv: [...process.execArgv, '--max-semi-space-size=1'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    let said: FromInstaller | undefined;
    child.on('message', (message: FromInstaller) => (said = message));
    child.on('error', (error) =>
      reject(new ReceiverError('INSTALLER', 'The process that installs could not be started.', error)),
    );
    child.on('exit', (status, killedBy) => {
      signal.removeEventListener('abort', stop);
      if (said?.kind === 'outcome') resolve(said.outcome);
      else if (said?.kind === 'failed') reject(new Error(said.message));
      else
        reject(
          new ReceiverError(
            'INSTALLER',
            `The process that installs ended early (${killedBy ?? `status ${status}`}). The running system is untouched; it is tried again.`,
          ),
        );
    });
    child.send(order, () => undefined);
  });
}
