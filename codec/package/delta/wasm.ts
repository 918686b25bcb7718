/** Instances of WebAssembly with a memory of their own, bounded. TypeScript's libraries for pure code do not know it. */

interface WebAssemblyNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
  Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

declare const WebAssembly: WebAssemblyNamespace;

const WASM_PAGE_BYTES = 65_536;
const FIRST_PAGES = 4;
const PAGES_MOST = 65_536;

export interface Wasm<Exports> {
  readonly code: Exports;
  readonly memory: WasmMemory;
  /** The memory as it is now: an earlier view ends when the memory grows. */
  readonly bytes: () => Uint8Array;
}

function abort(): never {
  throw new RangeError('the coder has stopped');
}

type View = (at: number, count: number) => Uint8Array;

const modules = new Map<string, object>();

/** base64: the module; compiled once. Throws a WebAssembly trap where more memory is needed than `memoryBytes`. */
export function instantiate<Exports>(
  base64: string,
  memoryBytes: number,
  importsFrom: (view: View) => Record<string, (...numbers: number[]) => number | void>,
): Wasm<Exports> {
  const compiled = modules.get(base64) ?? new WebAssembly.Module(Uint8Array.fromBase64(base64));
  modules.set(base64, compiled);
  const maximum = Math.min(Math.floor(memoryBytes / WASM_PAGE_BYTES), PAGES_MOST);
  const memory = new WebAssembly.Memory({ initial: Math.min(FIRST_PAGES, maximum), maximum });
  const imports = importsFrom((at, count) => new Uint8Array(memory.buffer, at >>> 0, count));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, abort, ...imports } });
  return { code: exports as Exports, memory, bytes: () => new Uint8Array(memory.buffer) };
}
