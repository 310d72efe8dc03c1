const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return aHigh * bHigh + Math.floor((middle + aLow * bHigh) / 0x10000);
}

/**
 * Philox4x32-10: random numbers as a pure function of a key and a counter. Two streams of one seed never overlap,
 * and a position can be reached without drawing what lies before it.
 */
export class Philox {
  private readonly key0: number;
  private readonly key1: number;
  private readonly block = new Uint32Array(4);
  private counter = 0;
  private used = 4;

  /**
   * @param seed any safe integer; its low 64 bits are the key
   * @param stream separates independent sequences of one seed, such as epochs
   */
  constructor(
    seed: number,
    private readonly stream = 0,
  ) {
    this.key0 = seed >>> 0;
    this.key1 = Math.floor(seed / 0x100000000) >>> 0;
  }

  /** The next 32 random bits as an unsigned number. */
  nextUint32(): number {
    if (this.used === 4) {
      philox4x32(this.block, this.counter++, this.stream, this.key0, this.key1);
      this.used = 0;
    }
    return this.block[this.used++];
  }

  /** A number from 0 to `limit - 1`, each equally likely; `limit` is at most 2^32. */
  below(limit: number): number {
    const usable = 0x100000000 - (0x100000000 % limit);
    let value = this.nextUint32();
    while (value >= usable) value = this.nextUint32();
    return value % limit;
  }

  /** The numbers from 0 to `length - 1` in random order. */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }
}

/** Fills `out` with the block of random bits number `counter` of `stream`. */
function philox4x32(out: Uint32Array, counter: number, stream: number, key0: number, key1: number): void {
  let c0 = counter >>> 0;
  let c1 = Math.floor(counter / 0x100000000) >>> 0;
  let c2 = stream >>> 0;
  let c3 = Math.floor(stream / 0x100000000) >>> 0;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = mulHigh(MULTIPLIER_0, c0);
    const high1 = mulHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}
