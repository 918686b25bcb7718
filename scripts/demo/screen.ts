/** What the viewer of the demo sees: steps that are done, and one line that moves while the update crosses the air. */

const isTerminal = process.stderr.isTTY;
const bold = (text: string): string => (isTerminal ? `\u001B[1m${text}\u001B[0m` : text);
const dim = (text: string): string => (isTerminal ? `\u001B[2m${text}\u001B[0m` : text);

export class Screen {
  readonly #startMs = performance.now();
  #isMoving = false;
  #lastMovedMs = 0;

  /** Something happened, and stays on the screen. */
  step(who: string, text: string): void {
    this.#clear();
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(6);
    process.stderr.write(`${dim(`${seconds} s`)}  ${bold(who.padEnd(9))} ${text}\n`);
  }

  /** The line that moves; without a terminal it is written every three seconds. */
  move(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMovedMs < (isTerminal ? 100 : 3000)) return;
    this.#lastMovedMs = nowMs;
    if (isTerminal) {
      process.stderr.write(`\r\u001B[K          ${text}`);
      this.#isMoving = true;
    } else process.stderr.write(`          ${text}\n`);
  }

  plain(text: string): void {
    this.#clear();
    process.stderr.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#isMoving) process.stderr.write('\r\u001B[K');
    this.#isMoving = false;
  }
}

export function bar(fraction: number, width = 28): string {
  const full = Math.max(0, Math.min(width, Math.round(fraction * width)));
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

export function bytesText(sizeBytes: number): string {
  return sizeBytes.toLocaleString('en-US');
}
