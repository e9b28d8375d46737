// Copyright 2026 the swagpu authors. MIT license.

// A convolution over one axis in float64, one product after the other.

/** The sizes of a convolution. */
export interface ConvolutionCase {
  batch: number;
  inputs: number;
  outputs: number;
  length: number;
  size: number;
  stride?: number;
  dilation?: number;
  groups?: number;
  /** Zeros before and after. */
  padding?: readonly [number, number];
}

/** `[batch, outputs, count]` from x `[batch, inputs, length]`. */
export function convolutionReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  given: ConvolutionCase,
): number[] {
  const { batch, inputs, outputs, length, size } = given;
  const { stride = 1, dilation = 1, groups = 1, padding = [0, 0] } = given;
  const [each, per] = [inputs / groups, outputs / groups];
  const y: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < outputs; c++) {
      const first = Math.floor(c / per) * each;
      const end = length + padding[1] - dilation * (size - 1);
      for (let start = -padding[0]; start < end; start += stride) {
        let total = bias[c] ?? NaN;
        for (let i = 0; i < each; i++) {
          for (let j = 0; j < size; j++) {
            const at = start + j * dilation;
            if (at < 0 || at >= length) continue;
            total += (weight[(c * each + i) * size + j] ?? NaN) *
              (x[(n * inputs + first + i) * length + at] ?? NaN);
          }
        }
        y.push(total);
      }
    }
  }
  return y;
}
