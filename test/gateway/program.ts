/** Runs the gateway as a program: arguments in; events, stderr and an exit status out. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { parseAnchorA } from '#codec/groups/anchor.ts';

const MAIN = join(import.meta.dirname, '../../gateway/main.ts');

type Event = Readonly<Record<string, unknown>>;

export class GatewayProgram {
  readonly #child: ChildProcess;
  readonly events: Event[] = [];
  readonly closed: Promise<number | null>;
  stderr = '';
  stdout = '';

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)));
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.stdout += `${line}\n`;
        this.events.push(JSON.parse(line) as Event);
      });
    this.closed = once(this.#child, 'close').then(([status]) => status as number | null);
  }

  has(event: string): boolean {
    return this.events.some((one) => one['event'] === event);
  }

  async event(event: string): Promise<Event> {
    const endMs = Date.now() + 15_000;
    for (;;) {
      const found = this.events.find((one) => one['event'] === event);
      if (found !== undefined) return found;
      if (Date.now() > endMs || this.#child.exitCode !== null)
        throw new Error(`no event ${event}; stderr: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** As `| head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return await this.closed;
  }
}

/** Positions of the anchors on stream 0 of a recording, as an ordinary receiver hears them. */
export function anchorsHeard(cu8: Uint8Array): number[] {
  const anchors: number[] = [];
  const receiver = new GroupReceiver({
    input: 'iq',
    rateHz: 250_000,
    streams: 1,
    onGroup({ blocks }) {
      // 11A with c mod 16 = 0.
      if (blocks[1] >> 11 !== 22 || (blocks[1] & 15) !== 0) return;
      const anchor = parseAnchorA(0, [blocks[2], blocks[3]]);
      if (anchor !== undefined) anchors.push(anchor.counter);
    },
  });
  for (let at = 0; at < cu8.length; at += 65_536) receiver.push(cu8.subarray(at, at + 65_536));
  // Seven check bits let one group in 128 through that is none; what has a neighbour is one.
  return anchors.filter((counter) => anchors.includes(counter + 128) || anchors.includes(counter - 128));
}
