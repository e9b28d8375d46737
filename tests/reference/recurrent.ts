// Copyright 2026 the swagpu authors. MIT license.

// Recurrent layers in float64, one text, time and unit after the other.

import { sigmoidReference } from "./functions.ts";

/** The sizes and weights of a layer in one direction, row by row. */
export interface RecurrentCase {
  times: number;
  batch: number;
  features: number;
  width: number;
  /** `[times, batch, features]` */
  x: ArrayLike<number>;
  weightIh: ArrayLike<number>;
  weightHh: ArrayLike<number>;
  biasIh?: ArrayLike<number> | undefined;
  biasHh?: ArrayLike<number> | undefined;
  hidden?: ArrayLike<number> | undefined;
  cell?: ArrayLike<number> | undefined;
  lengths?: readonly number[] | undefined;
  reverse?: boolean | undefined;
}

/** The states of all times, then the last state and, of an LSTM, the last cell. */
export function recurrentReference(
  kind: "lstm" | "gru",
  given: RecurrentCase,
): Float64Array {
  const { times, batch, width, lengths, reverse } = given;
  const output = new Float64Array(times * batch * width);
  const lastHidden: number[] = [];
  const lastCell: number[] = [];
  for (let row = 0; row < batch; row++) {
    const start = (x?: ArrayLike<number>) =>
      Array.from({ length: width }, (_, k) => x?.[row * width + k] ?? 0);
    let hidden = start(given.hidden);
    let cell = start(given.cell);
    const length = lengths?.[row] ?? times;
    for (let step = 0; step < length; step++) {
      const time = reverse ? length - 1 - step : step;
      const next = kind === "lstm"
        ? lstmStep(given, [time, row], hidden, cell)
        : { hidden: gruStep(given, [time, row], hidden), cell };
      ({ hidden, cell } = next);
      output.set(hidden, (time * batch + row) * width);
    }
    lastHidden.push(...hidden);
    lastCell.push(...cell);
  }
  return Float64Array.from([
    ...output,
    ...lastHidden,
    ...(kind === "lstm" ? lastCell : []),
  ]);
}

type At = readonly [time: number, row: number];

/** A unit's product with the inputs of a time and its bias. */
function fromInputs(given: RecurrentCase, [time, row]: At, unit: number) {
  const { batch, features, x, weightIh, biasIh } = given;
  let total = biasIh?.[unit] ?? 0;
  for (let k = 0; k < features; k++) {
    total += (weightIh[unit * features + k] ?? NaN) *
      (x[(time * batch + row) * features + k] ?? NaN);
  }
  return total;
}

/** A unit's product with the state and its bias. */
function fromState(
  { width, weightHh, biasHh }: RecurrentCase,
  hidden: readonly number[],
  unit: number,
) {
  return hidden.reduce(
    (total, h, k) => total + h * (weightHh[unit * width + k] ?? NaN),
    biasHh?.[unit] ?? 0,
  );
}

function lstmStep(
  given: RecurrentCase,
  at: At,
  hidden: readonly number[],
  cell: readonly number[],
) {
  const { width } = given;
  const gate = (k: number, unit: number) =>
    fromInputs(given, at, k * width + unit) +
    fromState(given, hidden, k * width + unit);
  const next = cell.map((c, unit) =>
    sigmoidReference(gate(1, unit)) * c +
    sigmoidReference(gate(0, unit)) * Math.tanh(gate(2, unit))
  );
  return {
    cell: next,
    hidden: next.map((c, unit) =>
      sigmoidReference(gate(3, unit)) * Math.tanh(c)
    ),
  };
}

function gruStep(given: RecurrentCase, at: At, hidden: readonly number[]) {
  const { width } = given;
  const a = (k: number, unit: number) =>
    fromInputs(given, at, k * width + unit);
  const b = (k: number, unit: number) =>
    fromState(given, hidden, k * width + unit);
  return hidden.map((h, unit) => {
    const r = sigmoidReference(a(0, unit) + b(0, unit));
    const z = sigmoidReference(a(1, unit) + b(1, unit));
    const n = Math.tanh(a(2, unit) + r * b(2, unit));
    return (1 - z) * n + z * h;
  });
}
