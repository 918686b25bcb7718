/** Reads a JSON object field by field; whatever is wrong is said with its place, and what nobody asked for is wrong too. */

import { EXIT, GatewayError } from './fault.ts';

export class Fields {
  readonly #place: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(place: string, value: unknown) {
    this.#place = place;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrong(place, 'must be an object', value);
    this.#values = { ...value };
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  place(name: string): string {
    return this.#place === '' ? name : `${this.#place}.${name}`;
  }

  raw(name: string): unknown {
    this.#asked.add(name);
    return this.#values[name];
  }

  object(name: string): Fields {
    return new Fields(this.place(name), this.raw(name));
  }

  list(name: string): unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw wrong(this.place(name), 'must be a list', value);
    return value;
  }

  text(name: string, fallback?: string): string {
    const value = this.raw(name) ?? fallback;
    if (typeof value !== 'string' || value === '') throw wrong(this.place(name), 'must be a text', value);
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.raw(name) ?? fallback;
    if (typeof value !== 'boolean') throw wrong(this.place(name), 'must be true or false', value);
    return value;
  }

  number(name: string, { from, to, fallback }: { from: number; to: number; fallback?: number }): number {
    const value = this.raw(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < from || value > to)
      throw wrong(this.place(name), `must be a number from ${from} to ${to}`, value);
    return value;
  }

  whole(name: string, limits: { from: number; to: number; fallback?: number }): number {
    const value = this.number(name, limits);
    if (!Number.isInteger(value)) throw wrong(this.place(name), 'must be a whole number', value);
    return value;
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.raw(name) ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw wrong(this.place(name), `must be one of ${choices.join(', ')}`, value);
    return found;
  }

  /** A text that `parse` understands; `what` says what it should have been. */
  parsed<Value>(name: string, what: string, parse: (text: string) => Value | undefined, fallback?: string): Value {
    const value = this.raw(name) ?? fallback;
    const result = typeof value === 'string' ? parse(value) : undefined;
    if (result === undefined) throw wrong(this.place(name), `must be ${what}`, value);
    return result;
  }

  /** Call last: anything that was not asked for is a mistake in writing. */
  end(): void {
    const extra = Object.keys(this.#values).find((name) => !this.#asked.has(name));
    if (extra === undefined) return;
    const known = [...this.#asked].join(', ');
    throw new GatewayError('CONFIG', `${this.place(extra)} is not known here; known are ${known}.`, EXIT.usage);
  }
}

function wrong(place: string, must: string, value: unknown): GatewayError {
  const found = value === undefined ? 'it is missing' : `it is ${JSON.stringify(value)?.slice(0, 80)}`;
  return new GatewayError('CONFIG', `${place === '' ? 'The file' : place} ${must}; ${found}.`, EXIT.usage);
}
