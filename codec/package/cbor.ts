/**
 * CBOR in its one deterministic form (RFC 8949 clause 4.2.1): shortest heads, definite lengths, map keys in bytewise order
 * of their encodings, no duplicates. What is not in that form is refused, so that equal content has equal bytes.
 *
 * Of the data model we use whole numbers, text, byte strings, booleans, null, arrays and maps with whole-number or text
 * keys. Tags, floating point, `undefined` and other simple values are refused.
 */

import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg';
import { firstDifference } from '../bytes.ts';
import { MisuseError } from '../misuse.ts';

export type CborKey = number | string;
export type CborMap = ReadonlyMap<CborKey, CborValue>;
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;

export interface CborLimits {
  readonly maxBytes: number;
  /** Data items, keys and values counted each. Also bounds the recursion, and with it the stack. */
  readonly maxItems: number;
  readonly maxDepth: number;
}

/** Enough for everything that comes off the air; larger documents name their own. */
const CBOR_LIMITS: CborLimits = { maxBytes: 64 * 1024, maxItems: 1024, maxDepth: 8 };

type CborFault = 'too-long' | 'malformed' | 'too-many-items' | 'too-deep' | 'type-not-used' | 'not-deterministic';
export type CborDecoded =
  | { readonly kind: 'value'; readonly value: CborValue }
  | { readonly kind: 'fault'; readonly fault: CborFault; readonly offsetBytes: number };

export function encodeDeterministic(value: CborValue): Uint8Array {
  const wrong = misfit(value, Number.POSITIVE_INFINITY);
  if (wrong !== undefined) throw new MisuseError('CBOR_VALUE', `This value has no form in our CBOR (${wrong}).`);
  return encode(value, rfc8949EncodeOptions);
}

/** Decodes exactly one item that fills `bytes`. Hostile input gives a fault, never an exception. */
export function decodeStrict(bytes: Uint8Array, limits: CborLimits = CBOR_LIMITS): CborDecoded {
  if (bytes.length > limits.maxBytes) return { kind: 'fault', fault: 'too-long', offsetBytes: limits.maxBytes };
  const options = {
    strict: true,
    useMaps: true,
    rejectDuplicateMapKeys: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowBigInt: false,
  };
  const tokenizer = new BoundedTokenizer(bytes, options, limits.maxItems);
  let value: CborValue;
  try {
    value = decode(bytes, { ...options, tokenizer });
  } catch {
    return { kind: 'fault', fault: tokenizer.fault ?? 'malformed', offsetBytes: tokenizer.pos() };
  }
  const wrong = misfit(value, limits.maxDepth);
  if (wrong !== undefined) return { kind: 'fault', fault: wrong, offsetBytes: 0 };
  // cborg checks neither the order of keys nor that text is UTF-8; the one deterministic form settles both.
  const again = encode(value, rfc8949EncodeOptions);
  const offsetBytes = firstDifference(bytes, again);
  if (offsetBytes !== -1) return { kind: 'fault', fault: 'not-deterministic', offsetBytes };
  return { kind: 'value', value };
}

class BoundedTokenizer extends Tokenizer {
  fault: CborFault | undefined;
  #itemsLeft: number;

  constructor(bytes: Uint8Array, options: object, maxItems: number) {
    super(bytes, options);
    this.#itemsLeft = maxItems;
  }

  override next(): ReturnType<Tokenizer['next']> {
    if (this.#itemsLeft === 0) {
      this.fault = 'too-many-items';
      throw new RangeError('too many items');
    }
    this.#itemsLeft--;
    const token = super.next();
    if (Type.equals(token.type, Type.tag) || Type.equals(token.type, Type.float)) {
      this.fault = 'type-not-used';
      throw new TypeError('type not used');
    }
    return token;
  }
}

function misfit(value: unknown, depthLeft: number): CborFault | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? undefined : 'type-not-used';
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'type-not-used';
  if (typeof value === 'boolean' || value === null || value instanceof Uint8Array) return undefined;
  if (depthLeft === 0) return 'too-deep';
  if (Array.isArray(value)) {
    for (const item of value) {
      const wrong = misfit(item, depthLeft - 1);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if (!(value instanceof Map)) return 'type-not-used';
  for (const [key, item] of value) {
    if (typeof key !== 'string' && typeof key !== 'number') return 'type-not-used';
    const wrong = misfit(key, 0) ?? misfit(item, depthLeft - 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
