/**
 * Reads a JSON object field by field. Whatever is wrong is said with its place, and what nobody asked for is wrong too: a
 * setting that is misspelt must not be one that is silently missing.
 */

import { HardwareError } from '../fault.ts';

/** The error that a program throws for what is wrong. */
export type FieldFault = (message: string) => Error;

export interface NumberLimits {
  readonly from: number;
  readonly to: number;
  readonly fallback?: number;
}

export class Fields {
  readonly #place: string;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #fault: FieldFault;
  readonly #asked = new Set<string>();

  /** `place` is where the object stands, '' for a whole file. */
  constructor(value: unknown, place = '', fault: FieldFault = (message) => new HardwareError('FIELDS', message)) {
    this.#place = place;
    this.#fault = fault;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#wrong(place === '' ? 'The file' : place, 'must be an object', value);
    this.#values = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    this.#asked.add(name);
    return this.#values.get(name) !== undefined;
  }

  names(): string[] {
    return [...this.#values.keys()];
  }

  raw(name: string): unknown {
    this.#asked.add(name);
    return this.#values.get(name);
  }

  object(name: string): Fields {
    return this.nested(name, this.raw(name));
  }

  /** An object that stands somewhere inside this one. */
  nested(name: string, value: unknown): Fields {
    return new Fields(value, this.#placeOf(name), this.#fault);
  }

  list(name: string, { least = 0 }: { readonly least?: number } = {}): readonly unknown[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.length >= least) return value;
    throw this.#wrongAt(name, least === 0 ? 'must be a list' : `must be a list with ${least} or more entries`, value);
  }

  objects(name: string): Fields[] {
    return this.list(name).map((value, index) => this.nested(`${name}[${index}]`, value));
  }

  text(name: string, fallback?: string): string {
    const value = this.#or(name, fallback);
    if (typeof value === 'string' && value !== '') return value;
    throw this.#wrongAt(name, 'must be a text', value);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#or(name, fallback);
    if (typeof value === 'boolean') return value;
    throw this.#wrongAt(name, 'must be true or false', value);
  }

  number(name: string, { from, to, fallback }: NumberLimits): number {
    const value = this.#or(name, fallback);
    if (typeof value === 'number' && value >= from && value <= to) return value;
    throw this.#wrongAt(name, `must be a number from ${from} to ${to}`, value);
  }

  whole(name: string, limits: NumberLimits): number {
    const value = this.#or(name, limits.fallback);
    if (Number.isInteger(value)) return this.number(name, limits);
    throw this.#wrongAt(name, `must be a whole number from ${limits.from} to ${limits.to}`, value);
  }

  choice<const Choice extends string | number>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.#or(name, fallback);
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    throw this.#wrongAt(name, `must be one of ${choices.join(', ')}`, value);
  }

  /** A text that `parse` understands; `what` says what it should have been. */
  parsed<Value>(name: string, what: string, parse: (text: string) => Value | undefined, fallback?: string): Value {
    const value = this.#or(name, fallback);
    const result = typeof value === 'string' ? parse(value) : undefined;
    if (result !== undefined) return result;
    throw this.#wrongAt(name, `must be ${what}`, value);
  }

  /** Call last: anything that was not asked for is a mistake in writing. */
  end(): void {
    const extra = this.names().find((name) => !this.#asked.has(name));
    if (extra === undefined) return;
    const known = [...this.#asked].join(', ');
    throw this.#fault(`${this.#placeOf(extra)} is not known here; known are ${known}.`);
  }

  #or(name: string, fallback: unknown): unknown {
    const value = this.raw(name);
    return value === undefined ? fallback : value;
  }

  #placeOf(name: string): string {
    return this.#place === '' ? name : `${this.#place}.${name}`;
  }

  #wrongAt(name: string, must: string, value: unknown): Error {
    return this.#wrong(this.#placeOf(name), must, value);
  }

  #wrong(place: string, must: string, value: unknown): Error {
    const found = value === undefined ? 'it is missing' : `it is ${JSON.stringify(value)?.slice(0, 80)}`;
    return this.#fault(`${place} ${must}; ${found}.`);
  }
}
