import { setImmediate as nextTurn } from 'node:timers/promises';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '#hardware/file/bytes.ts';

/** Takes one write at a time, when told to. */
class SlowSink extends Writable {
  readonly taken: Uint8Array[] = [];
  #waiting: (() => void) | undefined;

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk);
    this.#waiting = done;
  }

  async takeAll(): Promise<void> {
    while (this.#waiting !== undefined) {
      const done = this.#waiting;
      this.#waiting = undefined;
      done();
      await nextTurn();
    }
  }
}

describe('the end of what is written to a standard stream', () => {
  it('comes when the last byte is handed over, also when no write had to wait', async () => {
    const sink = new SlowSink({ highWaterMark: 1000 });
    const writer = await ByteWriter.open('-', sink);
    expect(await writer.write(new Uint8Array(10))).toBe(true);
    expect(await writer.write(new Uint8Array(20))).toBe(true);
    let isOver = false;
    const over = (async () => {
      await writer.end();
      isOver = true;
    })();
    await nextTurn();
    expect(isOver).toBe(false);
    await sink.takeAll();
    await over;
    expect(sink.taken.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(30);
  });

  it('comes at once when nobody reads any more', async () => {
    const sink = new SlowSink();
    const writer = await ByteWriter.open('-', sink);
    sink.destroy(Object.assign(new Error('closed'), { code: 'EPIPE' }));
    await nextTurn();
    expect(await writer.write(new Uint8Array(10))).toBe(false);
    await expect(writer.end()).resolves.toBeUndefined();
  });
});
