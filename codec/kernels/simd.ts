/** The inner loops in WebAssembly (assembly/simd.ts, compiled into simd-code.ts). */

import type { SignalKernels } from './kernels.ts';
import { plainKernels } from './plain.ts';
import { SIMD_CODE } from './simd-code.ts';

/** The part of the JavaScript interface of WebAssembly that is used here; TypeScript has it among the things of a browser. */
interface WebAssemblyNamespace {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
  Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
}

declare const WebAssembly: WebAssemblyNamespace | undefined;

export interface SimdExports {
  convert(bytes: number, count: number, flip: number, centre: number, re: number, im: number): void;
  correct(re: number, im: number, count: number, affine: number, turn: number): void;
  filter(re: number, im: number, taps: number, length: number, outRe: number, outIm: number, count: number): void;
  decimate(
    re: number,
    im: number,
    step: number,
    taps: number,
    length: number,
    outRe: number,
    outIm: number,
    count: number,
  ): void;
  discriminate(re: number, im: number, count: number, scale: number, out: number, sums: number): void;
  bands(x: number, step: number, taps: number, length: number, bands: number, outputs: number, out: number): void;
  combine(
    matrix: number,
    order: number,
    first: number,
    count: number,
    bits: number,
    word: number,
    length: number,
    table: number,
    stride: number,
    columns: number,
    found: number,
  ): void;
}

const PAGE_BYTES = 65_536;
/** Address 0 is left alone. */
const FIRST_BYTE = 16;

let compiled: object | null | undefined;

/** Null where WebAssembly or its SIMD is missing. */
function compile(): object | null {
  if (compiled !== undefined) return compiled;
  if (typeof WebAssembly === 'undefined' || typeof Uint8Array.fromBase64 !== 'function') {
    compiled = null;
    return null;
  }
  const code = Uint8Array.fromBase64(SIMD_CODE);
  compiled = WebAssembly.validate(code) ? new WebAssembly.Module(code) : null;
  return compiled;
}

/** The compiled module with a memory of this size; null where there is no SIMD or no room. */
export function instantiateSimd(
  memoryBytes: number,
): { readonly buffer: ArrayBuffer; readonly firstByte: number; readonly simd: SimdExports } | null {
  const module = compile();
  const room = module === null ? null : instantiate(module, Math.ceil((memoryBytes + FIRST_BYTE) / PAGE_BYTES));
  return room === null ? null : { buffer: room.memory.buffer, firstByte: FIRST_BYTE, simd: room.simd };
}

/** Null when the system has no address space for it: an engine may reserve gigabytes around a memory. */
function instantiate(
  module: object,
  pages: number,
): { readonly memory: { readonly buffer: ArrayBuffer }; readonly simd: SimdExports } | null {
  if (typeof WebAssembly === 'undefined') return null;
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return { memory, simd: exports as SimdExports };
  } catch {
    return null;
  }
}

/**
 * Kernels with a memory of their own of this size, which `floats` and `bytes` hand out and never take back; plain ones where there
 * is no SIMD or no room. Throws when more is asked for.
 */
export function signalKernels(memoryBytes: number): SignalKernels {
  const instance = instantiateSimd(memoryBytes);
  if (instance === null) return plainKernels();
  const { buffer, firstByte, simd } = instance;
  let free = firstByte;
  const take = (bytes: number): number => {
    const at = free;
    free += (bytes + 15) & ~15;
    if (free > buffer.byteLength) throw new RangeError(`the kernels have ${memoryBytes} bytes of memory, no more`);
    return at;
  };
  return {
    name: 'simd',
    floats: (count) => new Float32Array(buffer, take(4 * count), count),
    bytes: (count) => new Uint8Array(buffer, take(count), count),
    convert(bytes, count, flip, centre, re, im, at) {
      const rounded = (count + 7) & ~7;
      simd.convert(bytes.byteOffset, rounded, flip, centre, re.byteOffset + 4 * at, im.byteOffset + 4 * at);
    },
    correct(re, im, at, count, affine, turn) {
      const rounded = (count + 3) & ~3;
      simd.correct(re.byteOffset + 4 * at, im.byteOffset + 4 * at, rounded, affine.byteOffset, turn.byteOffset);
    },
    filter(re, im, taps, length, outRe, outIm, outAt, count) {
      const out = 4 * outAt;
      simd.filter(
        re.byteOffset,
        im.byteOffset,
        taps.byteOffset,
        length,
        outRe.byteOffset + out,
        outIm.byteOffset + out,
        count,
      );
    },
    decimate(re, im, step, taps, length, outRe, outIm, outAt, count) {
      const out = 4 * outAt;
      simd.decimate(
        re.byteOffset,
        im.byteOffset,
        step,
        taps.byteOffset,
        length,
        outRe.byteOffset + out,
        outIm.byteOffset + out,
        count,
      );
    },
    discriminate(re, im, count, scale, out, sums) {
      simd.discriminate(re.byteOffset + 4, im.byteOffset + 4, count, scale, out.byteOffset, sums.byteOffset);
    },
    bands(x, step, taps, length, count, outputs, out) {
      simd.bands(x.byteOffset, step, taps.byteOffset, length, count, outputs, out.byteOffset);
    },
  };
}
