/** What the tests use of `reedsolomon`, ZXing's code in JavaScript, which brings no types. */
declare module 'reedsolomon' {
  interface Field {
    multiply(a: number, b: number): number;
    inverse(a: number): number;
  }
  interface ReedSolomon {
    readonly GenericGF: { QR_CODE_FIELD_256(): Field };
    readonly ReedSolomonEncoder: new (field: Field) => { encode(word: Int32Array, checkBytes: number): void };
    /** Errors only. Throws when it finds no code word, and does not check the one that it finds. */
    readonly ReedSolomonDecoder: new (
      field: Field,
    ) => { decode(word: Int32Array, checkBytes: number): void };
  }
  const reedSolomon: ReedSolomon;
  export default reedSolomon;
}
