/**
 * The blocks of deflate (RFC 1951 clause 3.2), with the very trees that zlib and GNU gzip build: both build them alike, and which of several
 * best trees it is depends on the order of their heap.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { D, LITERALS, L_CODES, D_CODES, B_CODES, HEAP_SIZE, MIN_MATCH, symbolsAt, windowAt, flushOut, putByte } from './state';

const MAX_BITS: i32 = 15;
const MAX_BL_BITS: i32 = 7;
const END_BLOCK: i32 = 256;
const REP_3_6: i32 = 16;
const REPZ_3_10: i32 = 17;
const REPZ_11_138: i32 = 18;

/** An entry of a tree is a frequency, later the code, and a parent, later the length. */
const literalTree: usize = memory.data(4 * 576, 16);
const distanceTree: usize = memory.data(4 * 64, 16);
const lengthsTree: usize = memory.data(4 * 40, 16);
const fixedLiterals: usize = memory.data(4 * 290, 16);
const fixedDistances: usize = memory.data(4 * 32, 16);
const heap: usize = memory.data(4 * 576, 16);
const depth: usize = memory.data(576, 16);
const lengthCounts: usize = memory.data(2 * 16, 16);
const nextCodes: usize = memory.data(2 * 16, 16);
export const baseLength: usize = memory.data(4 * 32, 16);
const lengthCodes: usize = memory.data(256, 16);
export const baseDistance: usize = memory.data(4 * 32, 16);
const distanceCodes: usize = memory.data(512, 16);
export const extraLengths: usize = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0, 0, 0, 0]);
export const extraDistances: usize = memory.data<u8>([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 0, 0]);
const extraLengthsOfLengths: usize = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7, 0]);
export const orderOfLengths: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15, 0]);

@inline
function frequency(tree: usize, n: i32): i32 {
  return load<u16>(tree + (<usize>n << 2));
}
@inline
function setFrequency(tree: usize, n: i32, value: i32): void {
  store<u16>(tree + (<usize>n << 2), <u16>value);
}
@inline
function lengthOf(tree: usize, n: i32): i32 {
  return load<u16>(tree + (<usize>n << 2), 2);
}
@inline
function setLength(tree: usize, n: i32, value: i32): void {
  store<u16>(tree + (<usize>n << 2), <u16>value, 2);
}
@inline
function heapAt(k: i32): i32 {
  return load<i32>(heap + (<usize>k << 2));
}
@inline
function setHeap(k: i32, n: i32): void {
  store<i32>(heap + (<usize>k << 2), n);
}

@inline
export function distanceCode(distance: i32): i32 {
  return load<u8>(distanceCodes + <usize>(distance < 256 ? distance : 256 + (distance >> 7)));
}

@inline
function putBits(value: u32, count: i32): void {
  D.bits |= <u64>value << <u64>D.bitCount;
  D.bitCount += count;
  while (D.bitCount >= 8) {
    putByte(<u32>D.bits & 255);
    D.bits >>>= 8;
    D.bitCount -= 8;
  }
}

function alignBits(): void {
  if (D.bitCount > 0) putByte(<u32>D.bits & 255);
  D.bits = 0;
  D.bitCount = 0;
}

export function makeConstants(): void {
  let length = 0;
  for (let code = 0; code < 28; code++) {
    store<i32>(baseLength + 4 * code, length);
    for (let n = 0; n < 1 << load<u8>(extraLengths + code); n++) store<u8>(lengthCodes + length++, <u8>code);
  }
  store<i32>(baseLength + 4 * 28, 255);
  store<u8>(lengthCodes + 255, 28);
  let distance = 0;
  for (let code = 0; code < 16; code++) {
    store<i32>(baseDistance + 4 * code, distance);
    for (let n = 0; n < 1 << load<u8>(extraDistances + code); n++) store<u8>(distanceCodes + distance++, <u8>code);
  }
  distance >>= 7;
  for (let code = 16; code < D_CODES; code++) {
    store<i32>(baseDistance + 4 * code, distance << 7);
    for (let n = 0; n < 1 << (load<u8>(extraDistances + code) - 7); n++)
      store<u8>(distanceCodes + 256 + distance++, <u8>code);
  }
  memory.fill(lengthCounts, 0, 32);
  for (let n = 0; n < 288; n++) {
    const bits = n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8;
    setLength(fixedLiterals, n, bits);
    countLength(bits);
  }
  makeCodes(fixedLiterals, 287);
  for (let n = 0; n < D_CODES; n++) {
    setLength(fixedDistances, n, 5);
    setFrequency(fixedDistances, n, reversed(n, 5));
  }
}

@inline
function countLength(bits: i32): void {
  store<u16>(lengthCounts + 2 * bits, load<u16>(lengthCounts + 2 * bits) + 1);
}

function reversed(code: i32, length: i32): i32 {
  let out = 0;
  for (let k = 0; k < length; k++) out |= ((code >>> k) & 1) << (length - 1 - k);
  return out;
}

/** RFC 1951 clause 3.2.2. */
function makeCodes(tree: usize, maxCode: i32): void {
  let code = 0;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    code = ((code + (bits == 1 ? 0 : load<u16>(lengthCounts + 2 * (bits - 1)))) << 1) & 0xffff;
    store<u16>(nextCodes + 2 * bits, <u16>code);
  }
  for (let n = 0; n <= maxCode; n++) {
    const length = lengthOf(tree, n);
    if (length == 0) continue;
    const own = load<u16>(nextCodes + 2 * length);
    store<u16>(nextCodes + 2 * length, own + 1);
    setFrequency(tree, n, reversed(own, length));
  }
}

export function openBlock(): void {
  for (let n = 0; n < L_CODES; n++) setFrequency(literalTree, n, 0);
  for (let n = 0; n < D_CODES; n++) setFrequency(distanceTree, n, 0);
  for (let n = 0; n < B_CODES; n++) setFrequency(lengthsTree, n, 0);
  setFrequency(literalTree, END_BLOCK, 1);
  D.optimal = 0;
  D.fixed = 0;
  D.symbols = 0;
  D.distances = 0;
}

@inline
function smaller(tree: usize, n: i32, m: i32): bool {
  const a = frequency(tree, n);
  const b = frequency(tree, m);
  return a < b || (a == b && load<u8>(depth + n) <= load<u8>(depth + m));
}

function sink(tree: usize, from: i32): void {
  let k = from;
  const v = heapAt(k);
  for (let j = k << 1; j <= D.heapLength; j <<= 1) {
    if (j < D.heapLength && smaller(tree, heapAt(j + 1), heapAt(j))) j++;
    if (smaller(tree, v, heapAt(j))) break;
    setHeap(k, heapAt(j));
    k = j;
  }
  setHeap(k, v);
}

/** Lengths of the codes; those that would be too long are shortened at the cost of others. */
function makeLengths(tree: usize, maxCode: i32, fixedTree: usize, extra: usize, extraBase: i32, most: i32): void {
  memory.fill(lengthCounts, 0, 32);
  setLength(tree, heapAt(D.heapMax), 0);
  let overflow = 0;
  let h = D.heapMax + 1;
  for (; h < HEAP_SIZE; h++) {
    const n = heapAt(h);
    let bits = lengthOf(tree, lengthOf(tree, n)) + 1;
    if (bits > most) {
      bits = most;
      overflow++;
    }
    setLength(tree, n, bits);
    if (n > maxCode) continue;
    countLength(bits);
    const extraBits = n >= extraBase ? <i32>load<u8>(extra + n - extraBase) : 0;
    const count = frequency(tree, n);
    D.optimal += count * (bits + extraBits);
    if (fixedTree) D.fixed += count * (lengthOf(fixedTree, n) + extraBits);
  }
  if (overflow == 0) return;
  do {
    let bits = most - 1;
    while (load<u16>(lengthCounts + 2 * bits) == 0) bits--;
    store<u16>(lengthCounts + 2 * bits, load<u16>(lengthCounts + 2 * bits) - 1);
    store<u16>(lengthCounts + 2 * (bits + 1), load<u16>(lengthCounts + 2 * (bits + 1)) + 2);
    store<u16>(lengthCounts + 2 * most, load<u16>(lengthCounts + 2 * most) - 1);
    overflow -= 2;
  } while (overflow > 0);
  for (let bits = most; bits != 0; bits--) {
    for (let n: i32 = load<u16>(lengthCounts + 2 * bits); n != 0; ) {
      const m = heapAt(--h);
      if (m > maxCode) continue;
      if (lengthOf(tree, m) != bits) {
        D.optimal += (bits - lengthOf(tree, m)) * frequency(tree, m);
        setLength(tree, m, bits);
      }
      n--;
    }
  }
}

/** Returns the largest code in use. */
function buildTree(tree: usize, count: i32, fixedTree: usize, extra: usize, extraBase: i32, most: i32): i32 {
  let maxCode = -1;
  D.heapLength = 0;
  D.heapMax = HEAP_SIZE;
  for (let n = 0; n < count; n++) {
    if (frequency(tree, n) != 0) {
      maxCode = n;
      setHeap(++D.heapLength, n);
      store<u8>(depth + n, 0);
    } else setLength(tree, n, 0);
  }
  while (D.heapLength < 2) {
    const node = maxCode < 2 ? ++maxCode : 0;
    setHeap(++D.heapLength, node);
    setFrequency(tree, node, 1);
    store<u8>(depth + node, 0);
    D.optimal--;
    if (fixedTree) D.fixed -= lengthOf(fixedTree, node);
  }
  for (let n = D.heapLength / 2; n >= 1; n--) sink(tree, n);
  let node = count;
  do {
    const n = heapAt(1);
    setHeap(1, heapAt(D.heapLength--));
    sink(tree, 1);
    const m = heapAt(1);
    setHeap(--D.heapMax, n);
    setHeap(--D.heapMax, m);
    setFrequency(tree, node, frequency(tree, n) + frequency(tree, m));
    store<u8>(depth + node, <u8>(max<u8>(load<u8>(depth + n), load<u8>(depth + m)) + 1));
    setLength(tree, n, node);
    setLength(tree, m, node);
    setHeap(1, node++);
    sink(tree, 1);
  } while (D.heapLength >= 2);
  setHeap(--D.heapMax, heapAt(1));
  makeLengths(tree, maxCode, fixedTree, extra, extraBase, most);
  makeCodes(tree, maxCode);
  return maxCode;
}

/** The lengths of a tree as runs (RFC 1951 clause 3.2.7): counted, or sent. */
function walkLengths(tree: usize, maxCode: i32, sends: bool): void {
  let before = -1;
  let next = lengthOf(tree, 0);
  let count = 0;
  let most = next == 0 ? 138 : 7;
  let least = next == 0 ? 3 : 4;
  for (let n = 0; n <= maxCode; n++) {
    const own = next;
    next = n == maxCode ? 0xffff : lengthOf(tree, n + 1);
    if (++count < most && own == next) continue;
    if (count < least) for (let k = 0; k < count; k++) lengthSymbol(own, 0, 0, sends);
    else if (own != 0) {
      if (own != before) {
        lengthSymbol(own, 0, 0, sends);
        count--;
      }
      lengthSymbol(REP_3_6, count - 3, 2, sends);
    } else if (count <= 10) lengthSymbol(REPZ_3_10, count - 3, 3, sends);
    else lengthSymbol(REPZ_11_138, count - 11, 7, sends);
    count = 0;
    before = own;
    most = next == 0 ? 138 : own == next ? 6 : 7;
    least = next == 0 || own == next ? 3 : 4;
  }
}

function lengthSymbol(symbol: i32, extra: i32, extraBits: i32, sends: bool): void {
  if (!sends) {
    setFrequency(lengthsTree, symbol, frequency(lengthsTree, symbol) + 1);
    return;
  }
  putBits(frequency(lengthsTree, symbol), lengthOf(lengthsTree, symbol));
  if (extraBits) putBits(extra, extraBits);
}

function sendSymbols(literals: usize, distances: usize): void {
  for (let k = 0; k < D.symbols; k++) {
    const distance: i32 = load<u16>(symbolsAt + (<usize>k << 2));
    const value: i32 = load<u16>(symbolsAt + (<usize>k << 2), 2);
    if (distance == 0) {
      putBits(frequency(literals, value), lengthOf(literals, value));
      continue;
    }
    const code: i32 = load<u8>(lengthCodes + value);
    putBits(frequency(literals, code + LITERALS + 1), lengthOf(literals, code + LITERALS + 1));
    const extra: i32 = load<u8>(extraLengths + code);
    if (extra) putBits(value - load<i32>(baseLength + 4 * code), extra);
    const from = distance - 1;
    const place = distanceCode(from);
    putBits(frequency(distances, place), lengthOf(distances, place));
    const extraPlace: i32 = load<u8>(extraDistances + place);
    if (extraPlace) putBits(from - load<i32>(baseDistance + 4 * place), extraPlace);
  }
  putBits(frequency(literals, END_BLOCK), lengthOf(literals, END_BLOCK));
}

/** Ends the block at hand in the shortest of the three forms. start: of its bytes in the window; negative: they are gone. */
export function flushBlock(start: i32, stored: i32, last: i32): void {
  const maxLiteral = buildTree(literalTree, L_CODES, fixedLiterals, extraLengths, LITERALS + 1, MAX_BITS);
  const maxDistance = buildTree(distanceTree, D_CODES, fixedDistances, extraDistances, 0, MAX_BITS);
  walkLengths(literalTree, maxLiteral, false);
  walkLengths(distanceTree, maxDistance, false);
  buildTree(lengthsTree, B_CODES, 0, extraLengthsOfLengths, 0, MAX_BL_BITS);
  let lengths = B_CODES - 1;
  while (lengths >= 3 && lengthOf(lengthsTree, load<u8>(orderOfLengths + lengths)) == 0) lengths--;
  D.optimal += 3 * (lengths + 1) + 5 + 5 + 4;
  const fixedBytes = (D.fixed + 3 + 7) >>> 3;
  const ownBytes = min((D.optimal + 3 + 7) >>> 3, fixedBytes);
  if (stored + 4 <= ownBytes && start >= 0) {
    putBits(last, 3);
    alignBits();
    putBits(stored, 16);
    putBits(~stored & 0xffff, 16);
    for (let k = 0; k < stored; k++) putByte(load<u8>(windowAt + start + k));
  } else if (fixedBytes == ownBytes) {
    putBits((1 << 1) + last, 3);
    sendSymbols(fixedLiterals, fixedDistances);
  } else {
    putBits((2 << 1) + last, 3);
    putBits(maxLiteral + 1 - 257, 5);
    putBits(maxDistance, 5);
    putBits(lengths + 1 - 4, 4);
    for (let k = 0; k <= lengths; k++) putBits(lengthOf(lengthsTree, load<u8>(orderOfLengths + k)), 3);
    walkLengths(literalTree, maxLiteral, true);
    walkLengths(distanceTree, maxDistance, true);
    sendSymbols(literalTree, distanceTree);
  }
  openBlock();
  if (last) {
    alignBits();
    flushOut();
  }
}

/** Keeps a symbol; true where the block must end. value: a literal, or the length less 3. */
export function keepSymbol(distance: i32, value: i32): bool {
  store<u16>(symbolsAt + (<usize>D.symbols << 2), <u16>distance);
  store<u16>(symbolsAt + (<usize>D.symbols << 2), <u16>value, 2);
  D.symbols++;
  if (distance == 0) setFrequency(literalTree, value, frequency(literalTree, value) + 1);
  else {
    const code = <i32>load<u8>(lengthCodes + value) + LITERALS + 1;
    setFrequency(literalTree, code, frequency(literalTree, code) + 1);
    const place = distanceCode(distance - 1);
    setFrequency(distanceTree, place, frequency(distanceTree, place) + 1);
    D.distances++;
  }
  // Only gzip guesses now and then whether a new block pays.
  if (D.gnu && D.level > 2 && (D.symbols & 0xfff) == 0) {
    let outBits = D.symbols * 8;
    for (let place = 0; place < D_CODES; place++)
      outBits += frequency(distanceTree, place) * (5 + <i32>load<u8>(extraDistances + place));
    const outBytes = outBits >>> 3;
    if (D.distances < D.symbols / 2 && outBytes < (D.start - D.blockStart) / 2) return true;
  }
  return D.symbols == D.symbolsMost;
}
