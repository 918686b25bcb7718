/**
 * The guard before the transmitter: nothing that may reach one is opened without an explicit --on-air. The simulated air
 * and ordinary files reach nobody. A device, a pipe or stdout may have a transmitter behind it, so they count as one.
 */

import { stat } from 'node:fs/promises';
import { systemCodeOf } from '#hardware/fault.ts';
import { EXIT, GatewayError } from './fault.ts';
import type { OutputConfig } from './output-config.ts';

export interface OutputDescription {
  readonly kind: OutputConfig['kind'];
  /** True when a signal written to it may leave an antenna. */
  readonly transmits: boolean;
  /** For people. */
  readonly text: string;
}

/** Looks at what lies at the path, not only at its name. */
export async function describeOutput(output: OutputConfig): Promise<OutputDescription> {
  switch (output.kind) {
    case 'air':
      return { kind: 'air', transmits: false, text: `simulated air on ${output.host}:${output.port}` };
    case 'iq-file':
    case 'mpx-file':
      return {
        kind: output.kind,
        transmits: await mayTransmit(output.path),
        text: output.path === '-' ? 'stdout' : output.path,
      };
  }
  return output satisfies never;
}

async function mayTransmit(path: string): Promise<boolean> {
  if (path === '-') return true;
  if (path === '/dev/null') return false;
  try {
    // stat follows symbolic links: a link to a device is a device.
    return !(await stat(path)).isFile();
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return path.startsWith('/dev/');
  }
}

export function requireOnAir(outputs: readonly OutputDescription[], onAir: boolean): void {
  const transmitter = outputs.find(({ transmits }) => transmits);
  if (transmitter === undefined || onAir) return;
  throw new GatewayError(
    'NOT_ON_AIR',
    `Refused: the output ${transmitter.text} may lead to a transmitter, and nothing was sent to it. Add --on-air if that is what you want.`,
    EXIT.refused,
  );
}
