// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Fourier transforms, for convolutions that would be slow as sums.

/** Complex numbers: their real and imaginary parts. */
export interface Complex {
  readonly re: Float64Array<ArrayBuffer>;
  readonly im: Float64Array<ArrayBuffer>;
}

/** As many complex zeros. */
export function complexZeros(length: number): Complex {
  return { re: new Float64Array(length), im: new Float64Array(length) };
}

/**
 * The transform of lists of one length, in place. Its results are in the order of
 * their indices' reversed bits, which `inverse` expects: what is multiplied in
 * between needs no other, and sorting would take as long as the transform.
 */
export class FourierTransform {
  /** The number of values, a power of 2. */
  readonly length: number;
  readonly #cos: Float64Array<ArrayBuffer>;
  readonly #sin: Float64Array<ArrayBuffer>;

  /** @param least The number of values at least. */
  constructor(least: number) {
    let length = 1;
    while (length < least) length *= 2;
    this.length = length;
    this.#cos = new Float64Array(length / 2);
    this.#sin = new Float64Array(length / 2);
    for (let k = 0; k < length / 2; k++) {
      this.#cos[k] = Math.cos(2 * Math.PI * k / length);
      this.#sin[k] = Math.sin(2 * Math.PI * k / length);
    }
  }

  /** Σⱼ xⱼ·exp(−2πi·jk/n) for each k, in the order of the transform. */
  forward({ re, im }: Complex): void {
    const { length } = this;
    const [cos, sin] = [this.#cos, this.#sin];
    for (let half = length / 2; half >= 1; half /= 2) {
      const stride = length / 2 / half;
      for (let start = 0; start < length; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const c = cos[k * stride] ?? 0;
          const s = sin[k * stride] ?? 0;
          const a = start + k;
          const b = a + half;
          const x = re[a] ?? 0;
          const y = im[a] ?? 0;
          const u = re[b] ?? 0;
          const v = im[b] ?? 0;
          re[a] = x + u;
          im[a] = y + v;
          re[b] = (x - u) * c + (y - v) * s;
          im[b] = (y - v) * c - (x - u) * s;
        }
      }
    }
  }

  /** Undoes `forward`. */
  inverse({ re, im }: Complex): void {
    const { length } = this;
    const [cos, sin] = [this.#cos, this.#sin];
    for (let half = 1; half < length; half *= 2) {
      const stride = length / 2 / half;
      for (let start = 0; start < length; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const c = cos[k * stride] ?? 0;
          const s = sin[k * stride] ?? 0;
          const a = start + k;
          const b = a + half;
          const u = re[b] ?? 0;
          const v = im[b] ?? 0;
          const p = u * c - v * s;
          const q = v * c + u * s;
          const x = re[a] ?? 0;
          const y = im[a] ?? 0;
          re[a] = x + p;
          im[a] = y + q;
          re[b] = x - p;
          im[b] = y - q;
        }
      }
    }
    for (let i = 0; i < length; i++) {
      re[i] = (re[i] ?? 0) / length;
      im[i] = (im[i] ?? 0) / length;
    }
  }
}

/** Writes the products of two lists of complex numbers, one by one, into a third. */
export function multiplyComplex(
  a: Complex,
  b: Complex,
  { re, im }: Complex,
): void {
  for (let i = 0; i < re.length; i++) {
    const x = a.re[i] ?? 0;
    const y = a.im[i] ?? 0;
    const u = b.re[i] ?? 0;
    const v = b.im[i] ?? 0;
    re[i] = x * u - y * v;
    im[i] = x * v + y * u;
  }
}
