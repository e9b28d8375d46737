// Copyright 2026 the swagpu authors. MIT license.

// Losses in float64, straight from their definitions.

/** Options of {@linkcode crossEntropyReference}. */
export interface CrossEntropyCase {
  /** Classes, or the probabilities of every row. */
  target: ArrayLike<number>;
  classes: number;
  soft?: boolean;
  ignoreIndex?: number;
  smoothing?: number;
  weight?: ArrayLike<number>;
  reduction?: "mean" | "sum" | "none";
}

/** Cross-entropy by PyTorch's rules. */
export function crossEntropyReference(
  logits: ArrayLike<number>,
  options: CrossEntropyCase,
): number[] {
  const {
    target,
    classes,
    soft = false,
    ignoreIndex = -100,
    smoothing = 0,
    weight,
    reduction = "mean",
  } = options;
  const losses: number[] = [];
  let divisor = 0;
  for (let row = 0; row < logits.length / classes; row++) {
    const z = Array.from(
      { length: classes },
      (_, c) => logits[row * classes + c] ?? 0,
    );
    const top = Math.max(...z);
    const lse = top + Math.log(z.reduce((s, v) => s + Math.exp(v - top), 0));
    const label = target[row] ?? 0;
    if (!soft && label === ignoreIndex) {
      losses.push(0);
      continue;
    }
    divisor += soft ? 1 : weight?.[label] ?? 1;
    let loss = 0;
    z.forEach((v, c) => {
      const t = soft ? target[row * classes + c] ?? 0 : Number(c === label);
      const q = (1 - smoothing) * t + smoothing / classes;
      loss += (weight?.[c] ?? 1) * q * (lse - v);
    });
    losses.push(loss);
  }
  if (reduction === "none") return losses;
  const sum = losses.reduce((s, v) => s + v, 0);
  return [reduction === "mean" ? sum / divisor : sum];
}

/** Reduces the losses of elements as the ops do. */
export function reduceLosses(
  losses: readonly number[],
  reduction: "mean" | "sum" | "none",
): readonly number[] {
  if (reduction === "none") return losses;
  const sum = losses.reduce((s, v) => s + v, 0);
  return [reduction === "mean" ? sum / losses.length : sum];
}
