/** Reads the maps of a manifest field by field, within bounds. Nothing that comes off the air throws. */

import type { CborKey, CborMap, CborValue } from './cbor.ts';

/** Longest texts in UTF-8 bytes. */
const MAX_TEXT_BYTES = { vendor: 64, deviceType: 64, version: 64, target: 64, author: 128, notes: 1024 } as const;
type TextField = keyof typeof MAX_TEXT_BYTES;

/** Reads fields off one map and keeps the first thing that was wrong; afterwards everything is a harmless default. */
export class Fields {
  readonly #left: Map<CborKey, CborValue>;
  readonly #wrong: string[];
  readonly #where: string;

  constructor(value: CborValue | undefined, where: string, wrong: string[]) {
    this.#wrong = wrong;
    this.#where = where;
    const isMap = value instanceof Map;
    this.#left = new Map<CborKey, CborValue>(isMap ? (value as CborMap) : []);
    if (!isMap) this.#fail('is not a map');
  }

  #fail(what: string): void {
    this.#wrong.push(`${this.#where} ${what}`);
  }

  #take(key: number): CborValue | undefined {
    const value = this.#left.get(key);
    this.#left.delete(key);
    return value;
  }

  has(key: number): boolean {
    return this.#left.has(key);
  }

  uint(key: number, name: string, least: number, most: number): number {
    const value = this.#take(key);
    if (typeof value === 'number' && value >= least && value <= most) return value;
    this.#fail(`needs ${name} from ${least} to ${most}`);
    return least;
  }

  text(key: number, name: TextField): string {
    const value = this.#take(key);
    if (typeof value === 'string' && isCleanText(value, MAX_TEXT_BYTES[name], name === 'notes')) return value;
    this.#fail(`needs ${name}, 1 to ${MAX_TEXT_BYTES[name]} bytes of text without control characters`);
    return '';
  }

  digest(key: number, name: string): Uint8Array {
    const value = this.#take(key);
    if (value instanceof Uint8Array && value.length === 32) return value;
    this.#fail(`needs ${name}, 32 bytes`);
    return new Uint8Array(32);
  }

  list(key: number, name: string, most: number): readonly CborValue[] {
    const value = this.#take(key);
    if (Array.isArray(value) && value.length > 0 && value.length <= most) return value as readonly CborValue[];
    this.#fail(`needs ${name}, 1 to ${most} of them`);
    return [];
  }

  /** An unknown key that is not marked as harmless may change what everything else means. */
  end(): void {
    for (const key of this.#left.keys())
      if (typeof key !== 'number' || key >= 0) this.#fail(`has the unknown key ${JSON.stringify(key)}`);
  }
}

/** Texts are shown on terminals and pages and hashed with a NUL between them: no control or direction characters. */
function isCleanText(text: string, maxBytes: number, mayBreakLines: boolean): boolean {
  const forbidden = mayBreakLines ? /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u : /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
  const shown = mayBreakLines ? text.replaceAll('\n', '') : text;
  return text.length > 0 && new TextEncoder().encode(text).length <= maxBytes && !forbidden.test(shown);
}
