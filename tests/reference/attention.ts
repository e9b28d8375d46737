// Copyright 2026 the swagpu authors. MIT license.

// Attention in float64 as textbooks write it: all scores, softmax, sum.

/** What the kernels take, in plain numbers. */
export interface ReferenceAttention {
  batch: number;
  sq: number;
  sk: number;
  heads: number;
  depth: number;
  mask?: ArrayLike<number>;
  /** The first and one-past-last token of each token's text. */
  segments?: ArrayLike<number>;
  causal?: boolean;
  window?: number;
  scale?: number;
  /** The factor of probability (b, h, i, j): 0 or 1 / (1 - rate). */
  keep?: (b: number, h: number, i: number, j: number) => number;
}

/** Probabilities [B, H, Sq, Sk], before dropout. */
export function attentionProbabilities(
  q: Float64Array,
  k: Float64Array,
  options: ReferenceAttention,
): Float64Array {
  const { batch, sq, sk, heads, depth, mask, causal, window } = options;
  const { segments } = options;
  const { scale = 1 / Math.sqrt(depth) } = options;
  const width = heads * depth;
  const offset = causal ? sk - sq : 0;
  const result = new Float64Array(batch * heads * sq * sk);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < sq; i++) {
        const scores = Array.from({ length: sk }, (_, j) => {
          const distance = i + offset - j;
          if (causal && distance < 0) return -Infinity;
          if (segments) {
            const [from = 0, to = 0] = [segments[2 * i], segments[2 * i + 1]];
            if (j < from || j >= to) return -Infinity;
          }
          if (window !== undefined && Math.abs(distance) > window) {
            return -Infinity;
          }
          if (mask && !mask[b * sk + j]) return -3.4e38;
          let dot = 0;
          for (let d = 0; d < depth; d++) {
            dot += (q[(b * sq + i) * width + h * depth + d] ?? 0) *
              (k[(b * sk + j) * width + h * depth + d] ?? 0);
          }
          return dot * scale;
        });
        const top = Math.max(...scores);
        if (top === -Infinity) continue;
        const weights = scores.map((s) => Math.exp(s - top));
        const total = weights.reduce((sum, w) => sum + w, 0);
        weights.forEach((w, j) =>
          result[((b * heads + h) * sq + i) * sk + j] = w / total
        );
      }
    }
  }
  return result;
}

/** The output [B, Sq, H·D]. */
export function attention(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  options: ReferenceAttention,
): Float64Array {
  const { batch, sq, sk, heads, depth, keep } = options;
  const width = heads * depth;
  const p = attentionProbabilities(q, k, options);
  const y = new Float64Array(batch * sq * width);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < sq; i++) {
        for (let j = 0; j < sk; j++) {
          const w = (p[((b * heads + h) * sq + i) * sk + j] ?? 0) *
            (keep ? keep(b, h, i, j) : 1);
          if (w === 0) continue;
          const from = (b * sk + j) * width + h * depth;
          const to = (b * sq + i) * width + h * depth;
          for (let d = 0; d < depth; d++) {
            y[to + d] = (y[to + d] ?? 0) + w * (v[from + d] ?? 0);
          }
        }
      }
    }
  }
  return y;
}

/** The gradients of Σ dy·y towards q, k and v, by the textbook's formulas. */
export function attentionBackward(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  dy: Float64Array,
  options: ReferenceAttention,
): [Float64Array, Float64Array, Float64Array] {
  const { batch, sq, sk, heads, depth, keep } = options;
  const { scale = 1 / Math.sqrt(depth) } = options;
  const width = heads * depth;
  const p = attentionProbabilities(q, k, options);
  const dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length);
  const dv = new Float64Array(v.length);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < sq; i++) {
        const at = (b * sq + i) * width + h * depth;
        const row = p.subarray(
          ((b * heads + h) * sq + i) * sk,
          ((b * heads + h) * sq + i + 1) * sk,
        );
        const dp = Array.from(row, (w, j) => {
          const from = (b * sk + j) * width + h * depth;
          const factor = keep ? keep(b, h, i, j) : 1;
          let dot = 0;
          for (let d = 0; d < depth; d++) {
            const g = dy[at + d] ?? 0;
            dot += g * (v[from + d] ?? 0);
            dv[from + d] = (dv[from + d] ?? 0) + w * factor * g;
          }
          return dot * factor;
        });
        const mean = dp.reduce((sum, x, j) => sum + x * (row[j] ?? 0), 0);
        dp.forEach((x, j) => {
          const ds = (row[j] ?? 0) * (x - mean) * scale;
          const from = (b * sk + j) * width + h * depth;
          for (let d = 0; d < depth; d++) {
            dq[at + d] = (dq[at + d] ?? 0) + ds * (k[from + d] ?? 0);
            dk[from + d] = (dk[from + d] ?? 0) + ds * (q[at + d] ?? 0);
          }
        });
      }
    }
  }
  return [dq, dk, dv];
}
